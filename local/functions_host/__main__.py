"""`python -m local.functions_host`: run a function app on this machine; `--help` tells how."""

from local.functions_host.host import end_process, run
from local.functions_host.options import parse_options

if __name__ == "__main__":
    end_process(run(parse_options(None)))
