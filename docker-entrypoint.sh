#!/bin/sh
# api and worker are the processes of the server; everything else is a command of `holdfast`.
set -e
case "$1" in
  api) exec node /app/src/api/server.ts ;;
  worker) exec node /app/src/worker.ts ;;
  *) exec node /app/src/cli.ts "$@" ;;
esac
