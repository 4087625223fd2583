#!/bin/sh
# What service(8) does for haproxy, for the one router that sees this file in place of the real one.
# The line it writes says who has called it.
if [ "$PPID" -gt 0 ] && [ -r "/proc/$PPID/cmdline" ]; then
    caller=$(tr '\0' ' ' <"/proc/$PPID/cmdline" | sed 's|^/bin/bash /usr/local/bin/||')
else
    caller="by hand "
fi
echo "$(date +%s%N) ${caller}-> service $*" >>"@DIRECTORY@/@NAME@.calls"

case $2 in
start) killall -0 haproxy 2>/dev/null || haproxy -D -f "@DIRECTORY@/@NAME@.haproxy" ;;
stop)
    killall -q haproxy
    while killall -q -0 haproxy; do sleep 0.02; done
    ;;
esac
