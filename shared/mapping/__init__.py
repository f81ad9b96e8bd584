"""From segment rows to contacts: the mapping as SQL, the e-mail and phone rules, rejected rows and their reasons."""
