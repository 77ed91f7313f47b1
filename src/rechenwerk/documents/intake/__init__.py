"""What comes in: the kind of a file by its content, unpacking of archives and mails, refusals."""
