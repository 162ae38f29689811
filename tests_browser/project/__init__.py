"""The site that the browser visits: the example project, and one page with the script of docs/passkeys.md."""
