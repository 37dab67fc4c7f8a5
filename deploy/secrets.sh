#!/usr/bin/env bash
# Writes .env beside this file (or the file named) with a random value for every secret; never over one that is there.
# The API's key is shown once: its digest is what is kept.
set -euo pipefail
target=${1:-"$(dirname "$0")/.env"}
if [ -e "$target" ]; then
    echo "$target is there already: move it away to make new secrets" >&2
    exit 1
fi
random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
key="crk_$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')"
digest=$(printf %s "$key" | sha256sum | cut -d ' ' -f 1)
umask 077
{
    for name in POSTGRES_PASSWORD DAGSTER_POSTGRES_PASSWORD CREDITRISK_POSTGRES_OWNER_PASSWORD \
        CREDITRISK_POSTGRES_WRITER_PASSWORD CREDITRISK_POSTGRES_READER_PASSWORD CREDITRISK_POSTGRES_OFFICER_PASSWORD \
        AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY GRAFANA_ADMIN_PASSWORD OIDC_COOKIE_PASSPHRASE; do
        echo "$name=$(random)"
    done
    echo "CREDITRISK_API_KEYS=first:$digest"
    # Your login provider's, for the gateway; until then nobody can log in there.
    echo "OIDC_METADATA_URL=http://127.0.0.1:9/not-set"
    echo "OIDC_CLIENT_SECRET=$(random)"
} >"$target"
echo "$target written, readable by you alone. The API's first key, shown this once: $key"
