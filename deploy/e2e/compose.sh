#!/usr/bin/env bash
# Builds the image, brings Compose's core up, and does inside what the platform is for: a backfill, models, a stream,
# scores. Then it looks whether the containers are as closed as they should be, and takes everything down again.
#
#   deploy/e2e/compose.sh                        with a Docker engine (20.10 or newer) and Compose (2.24 or newer)
#   deploy/e2e/compose.sh --stand-ins IMAGE      where no registry is reached: PostgreSQL and Kafka are built upon
#                                                IMAGE, a Debian with Python 3.11 to 3.13; needs Maven on this machine
#   KEEP=1                                       leave it running (and say how to end it)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
deploy=$(dirname "$here")
project=creditrisk-e2e
folder=$(mktemp -d)
begin=$SECONDS
LOANS=${LOANS:-20000}

export COMPOSE_PROJECT_NAME=$project
export DAGSTER_PORT=13000 DAGSTER_READ_ONLY_PORT=13001 DASHBOARD_PORT=18501 API_PORT=18600 EXPORTER_PORT=19108
export DASHBOARD_OPTIONS=--without-login CREDITRISK_IMAGE=creditrisk:e2e
export CREDITRISK_FIRST_VINTAGE=2014-01 CREDITRISK_LAST_VINTAGE=2016-04 CREDITRISK_LOANS='/data/book/*.csv'
export CREDITRISK_FIRST_MODEL_DATE=2016-04 CREDITRISK_DRAIN_IDLE_SECONDS=5

compose() { docker compose --env-file "$folder/.env" -f "$deploy/compose.yaml" "$@"; }
said() { printf '%4d s  %s\n' $((SECONDS - begin)) "$*"; }
failed() { echo "FAILED: $*" >&2; exit 1; }
inside() { local service=$1; shift; compose exec -T "$service" "$@"; }
ask() { inside code python - "$@" <"$here/asking.py"; }
# One answer of PostgreSQL as a role; its password is taken from the environment of the container of another service.
sql() { inside "$1" python -c '
import os, sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print(*connection.execute(sys.argv[2]).fetchone())' "$2" "$3"; }
refused() {
    local told=$1; shift
    local answer
    if answer=$("$@" 2>&1); then failed "$told was let through: $answer"; fi
    said "$told: refused ($(printf %s "$answer" | tail -n 1 | cut -c 1-90))"
}

down() {
    local code=$?
    if [ $code -ne 0 ]; then
        compose ps -a || true
        compose logs --tail 40 || true
    fi
    if [ "${KEEP:-}" = 1 ]; then
        echo "Left running: docker compose -p $project down -v; its settings are in $folder/.env"
        exit $code
    fi
    compose --profile '*' down -v --remove-orphans --timeout 30 >/dev/null 2>&1 || true
    rm -rf "$folder"
    local left
    left=$(docker ps -aq --filter "label=com.docker.compose.project=$project"
        docker volume ls -q --filter "label=com.docker.compose.project=$project"
        docker network ls -q --filter "label=com.docker.compose.project=$project")
    [ -z "$left" ] || { echo "left behind: $left" >&2; code=1; }
    [ $code -ne 0 ] || said "down: no container, volume or network left"
    exit $code
}
trap down EXIT

if [ "${1:-}" = --stand-ins ]; then
    export PYTHON_IMAGE=$2 POSTGRES_IMAGE=creditrisk-stand-in-postgres:e2e KAFKA_IMAGE=creditrisk-stand-in-kafka:e2e
    docker build -q --build-arg BASE_IMAGE="$2" -t "$POSTGRES_IMAGE" "$here/stand_ins/postgres" >/dev/null
    cp -r "$here/stand_ins/kafka" "$folder/kafka"
    mvn -q -B -f "$deploy/../creditrisk_assets_tests/streaming/kafka-pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$folder/kafka/libs"
    docker build -q --build-arg BASE_IMAGE="$2" -t "$KAFKA_IMAGE" "$folder/kafka" >/dev/null
    said "stand-ins for PostgreSQL and Apache Kafka built upon $2"
fi

key=$("$deploy/secrets.sh" "$folder/.env" | sed 's/.*: //')
compose build -q migrate
said "image built: $(docker image inspect -f '{{.Size}}' "$CREDITRISK_IMAGE" | awk '{printf "%.0f MB", $1 / 1e6}')"
compose up --wait --wait-timeout 600 --quiet-pull >/dev/null 2>"$folder/up.log" || { cat "$folder/up.log"; failed "not healthy"; }
said "up --wait: healthy"
compose ps --format '{{.Service}} {{.Status}}' | sed 's/^/        /'

! compose logs migrate | grep Warning || failed "migrate found a door open"
for id in $(compose ps -q); do
    found=$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}' "$id")
    [ "$found" = "true [ALL] [no-new-privileges:true]" ] || failed "$(docker inspect -f '{{.Name}}' "$id") is $found"
    user=$(docker exec "$id" id -u)
    [ "$user" != 0 ] || failed "$(docker inspect -f '{{.Name}}' "$id") runs as root"
    for path in /probe /etc/probe /usr/bin/probe; do
        ! docker exec "$id" /bin/sh -c ": >$path" 2>/dev/null || failed "$path can be written"
    done
done
said "every container: uid other than 0, root file system read-only, no capabilities, no new privileges"
refused "the way out of the code server" inside code timeout 10 python -c '
import socket; socket.create_connection(("198.51.100.1", 443), 5)'
refused "the code server from the API" inside api timeout 10 python -c '
import socket; socket.create_connection(("code", 4000), 5)'

inside code creditrisk simulate loans --loans "$LOANS" --vintages 28 --seed 3 --observed-months 24 --out /data/book | sed 's/^/        /'
ask backfill 2014-01 12 | sed 's/^/        /'
said "backfill through GraphQL, by the daemon"
ask job batch | sed 's/^/        /'
said "batch: features, models, scores, portfolio"

compose run --rm -T producer creditrisk simulate events --events 400 --rate 50 --customers 200 --poison 0.01 2>/dev/null | sed 's/^/        /'
for _ in $(seq 120); do
    counted=$(sql exporter postgresql://creditrisk_reader@postgres/creditrisk \
        "SELECT coalesce(sum(good), 0), coalesce(sum(bad), 0) FROM serving.stream_counters")
    [ $((${counted% *} + ${counted#* })) -lt 400 ] || break
    sleep 1
done
said "stream: $counted events good and bad in PostgreSQL, $(sql exporter postgresql://creditrisk_reader@postgres/creditrisk \
    'SELECT decisions FROM serving.stream') decisions"
ask drained | sed 's/^/        /'
[ $((${counted% *} + ${counted#* })) -ge 400 ] || failed "the stream did not arrive"

body='{"application_id": "a-1", "payload": {"loan_amnt": 10000, "term": " 36 months", "annual_inc": 52000, "dti": 27.65,
  "fico_range_low": 670, "fico_range_high": 674, "purpose": "credit_card", "addr_state": "AZ"}}'
for _ in $(seq 60); do curl -sf "http://127.0.0.1:$API_PORT/readyz" >/dev/null && break; sleep 1; done
score=$(curl -sf "http://127.0.0.1:$API_PORT/v1/score" -H "X-API-Key: $key" -d "$body")
said "API: $(printf %s "$score" | cut -c 1-100)…"
status=$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$API_PORT/v1/score" -d "$body")
[ "$status" = 401 ] || failed "the API answered $status without a key"
said "API without a key: 401"
metrics=$(curl -sf "http://127.0.0.1:$EXPORTER_PORT/metrics")
[ "$(grep -c '^creditrisk_source_up{.*} 1' <<<"$metrics")" = 4 ] || failed "$(grep '^creditrisk_source_up' <<<"$metrics")"
said "exporter: PostgreSQL, lake, Kafka and Dagster up, $(wc -l <<<"$metrics") lines"
[ "$(curl -sf "http://127.0.0.1:$DASHBOARD_PORT/_stcore/health")" = ok ] || failed "dashboard"
ask viewer | sed 's/^/        /'

refused "INSERT by the reader" sql exporter postgresql://creditrisk_reader@postgres/creditrisk \
    "INSERT INTO serving.stream_offsets VALUES ('t', 0, 0, 0) RETURNING 1"
refused "Dagster's database to the reader" sql exporter postgresql://creditrisk_reader@postgres/dagster "SELECT 1"
refused "the serving database to Dagster" inside daemon python -c '
import os, psycopg2
psycopg2.connect(host="postgres", dbname="creditrisk", user="dagster", password=os.environ["DAGSTER_POSTGRES_PASSWORD"])'

compose logs --no-color >"$folder/logs" 2>&1
while IFS='=' read -r name value; do
    case $name in CREDITRISK_API_KEYS | OIDC_METADATA_URL) continue ;; esac
    ! grep -qF -- "$value" "$folder/logs" || failed "$name stands in a log"
done <"$folder/.env"
said "no secret in $(wc -l <"$folder/logs") lines of logs"
docker stats --no-stream --format '        {{.Name}} {{.MemUsage}}' $(compose ps -q)
