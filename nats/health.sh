# Whether this server can do its part: it is one of the cluster, and has of every stream what the others have. Only then may
# the next one be restarted.
#
# One whose disk was full stays sick when there is room again, until it is started again: JetStream has switched itself off
# there. The third such look in a row ends it, and `restart` does the rest. Not while it may still be reading its streams,
# and not without room. A server that merely cannot reach the others is left alone.
health=http://127.0.0.1:8222/healthz
wget -q -O /dev/null "$health" 2>/dev/null && { rm -f /tmp/sick; exit 0; }
answer=$(wget -S -q -O /dev/null "$health?js-enabled-only=true" 2>&1) || case "$answer" in *' 503 '*) echo sick >>/tmp/sick ;; esac
[ "$(grep -c sick /tmp/sick 2>/dev/null)" -ge 3 ] || exit 1
[ $(($(cut -d. -f1 /proc/uptime) - $(cut -d' ' -f22 /proc/1/stat) / 100)) -ge 120 ] || exit 1
[ "$(df -Pk /data | awk 'NR == 2 { print $4 }')" -ge 8192 ] || exit 1
rm -f /tmp/sick
kill -TERM 1
exit 1
