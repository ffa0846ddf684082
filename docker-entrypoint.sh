#!/bin/sh
# api and worker are the processes of the server, kept running; everything else is a command of `holdfast`.
set -e
case "$1" in
  api | worker) exec node /app/src/keep.ts "$1" ;;
  *) exec node /app/src/cli.ts "$@" ;;
esac
