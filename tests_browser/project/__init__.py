"""The site that the browser visits: the API, and one page with the script of docs/passkeys.md."""
