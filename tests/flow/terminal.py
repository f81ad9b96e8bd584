"""Commands, typed in this process."""

from click.testing import CliRunner

from shared.cli.program import program


def typed_command(*words, typed_in=""):
    """A command's exit status, output and words on standard error."""
    done = CliRunner().invoke(program, words, input=typed_in, catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr
