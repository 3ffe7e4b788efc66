#!/usr/bin/env bash
# Creates the slot that Kasho looks for, and dumps the database at the snapshot of that slot. PGDATABASE and libpq's other
# variables say which. The dump is written to FOLDER (by default /dump), and the LSN to standard output.
#
#   dump-at-slot.sh [FOLDER]
set -euo pipefail
folder=${1:-/dump}

# The snapshot lives as long as this session.
coproc session { psql --no-psqlrc --quiet --no-align --tuples-only "dbname=$PGDATABASE replication=database"; }
echo 'CREATE_REPLICATION_SLOT kasho_slot LOGICAL pgoutput EXPORT_SNAPSHOT;' >&"${session[1]}"
IFS='|' read -r slot lsn snapshot _ <&"${session[0]}" || {
    echo "the slot was not created" >&2
    exit 1
}
echo "dumping at the snapshot $snapshot of the slot $slot" >&2
pg_dump --snapshot="$snapshot" --file="$folder/shop.sql"
echo "PGBOOTSTRAP_SNAPSHOT_LSN=$lsn"
