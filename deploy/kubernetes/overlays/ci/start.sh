# PostgreSQL from the programs that the image brings along for its tests: two databases, their owners, passwords by scram.
set -eu
programs=$(python -c 'from creditrisk_assets.local.postgres.cluster import programs; print(programs())')
data=/var/lib/postgresql/cluster
if [ ! -d "$data" ]; then
  printenv ADMIN_PASSWORD > /tmp/password
  "$programs/initdb" --pgdata "$data" --username postgres --pwfile /tmp/password --auth scram-sha-256 \
    --encoding UTF8 --locale C > /dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  "$programs/pg_ctl" start --wait --silent --pgdata "$data" \
    --options "-c listen_addresses='' -c unix_socket_directories=/tmp"
  PGPASSWORD=$ADMIN_PASSWORD "$programs/psql" --host /tmp --username postgres --set ON_ERROR_STOP=1 --quiet <<'SQL'
\getenv dagster DAGSTER_PASSWORD
\getenv creditrisk CREDITRISK_PASSWORD
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE ROLE creditrisk LOGIN CREATEROLE PASSWORD :'creditrisk';
CREATE DATABASE dagster OWNER dagster;
CREATE DATABASE creditrisk OWNER creditrisk;
REVOKE CONNECT ON DATABASE dagster, creditrisk FROM PUBLIC;
SQL
  "$programs/pg_ctl" stop --wait --silent --pgdata "$data"
fi
exec "$programs/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c max_connections=300
