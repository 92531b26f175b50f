#!/bin/sh
# Watches the space on a disk. What to do comes as JSON on standard input:
# {"path": "/", "warn_percent": 90, "every_s": 60}
set -eu

read -r settings
value() { printf '%s' "$settings" | sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p"; }
path=$(value path) warn=$(value warn_percent) every=$(value every_s)

echo "watching $path, warning from $warn %"
while true; do
  used=$(df -P "$path" | awk 'NR == 2 { sub("%", "", $5); print $5 }')
  if [ "$used" -ge "$warn" ]; then
    echo "$path is $used % full" >&2
  else
    echo "$path is $used % full"
  fi
  sleep "$every"
done
