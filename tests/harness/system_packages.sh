# Debian packages that the tests drive: psql. Installed when root, else named.
command -v psql >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -y -qq postgresql-client >/dev/null
else
    echo "psql is missing (Debian: postgresql-client); the tests that need it will be skipped"
fi
