# Whether this server can do its part: it is one of the cluster, and has of every stream what the others have. Only then may
# the next one be restarted.
#
# One whose disk was full stays sick when there is room again, until it is started again: JetStream has switched itself off
# there, or the whole server hangs and answers nobody. The third look in a row that finds it sick ends it, the tenth that
# finds it silent as well (some forty seconds: a server may be paused), and `restart` does the rest. Not while it may still
# be reading its streams, and not without room. A server that merely cannot reach the others is left alone.
ask() { timeout 2 wget -Y off -S -q -O /dev/null "http://127.0.0.1:8222/healthz$1" 2>&1; } # no proxy, whatever Docker says
ask "" >/dev/null && { rm -f /tmp/sick /tmp/silent; exit 0; }
answer=$(ask "?js-enabled-only=true") && { rm -f /tmp/sick /tmp/silent; exit 1; }
case "$answer" in
    *' 503 '*) rm -f /tmp/silent; echo sick >>/tmp/sick ;;
    *) echo silent >>/tmp/silent ;;
esac
signal=
[ "$(cat /tmp/sick 2>/dev/null | wc -l)" -ge 3 ] && signal=TERM
[ "$(cat /tmp/silent 2>/dev/null | wc -l)" -ge 10 ] && signal=ABRT # which the Go runtime obeys when nothing else does
[ "$signal" ] || exit 1
[ $(($(cut -d. -f1 /proc/uptime) - $(cut -d' ' -f22 /proc/1/stat) / 100)) -ge 120 ] || exit 1
[ "$(df -Pk /data | awk 'NR == 2 { print $4 }')" -ge 8192 ] || exit 1
rm -f /tmp/sick /tmp/silent
kill -s "$signal" 1
exit 1
