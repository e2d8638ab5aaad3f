#!/bin/sh
# Runs workerd so that it never outlives the process that started it, however that one ends.
# INTERPEER_WORKERD is workerd's own binary; the rest of the line is for it.

if setpriv --pdeathsig KILL true 2>/dev/null; then
  exec setpriv --pdeathsig KILL "$INTERPEER_WORKERD" "$@"
fi

# Without the kernel's help: a watcher looks once a second whether the parent is still there.
parent=$PPID
exec 4<&0
"$INTERPEER_WORKERD" "$@" <&4 4<&- &
workerd=$!
exec 4<&-
trap 'kill -TERM "$workerd" 2>/dev/null' TERM INT HUP
(
  while kill -0 "$parent" 2>/dev/null && kill -0 "$workerd" 2>/dev/null; do sleep 1; done
  kill -KILL "$workerd" 2>/dev/null
) 3>&- >/dev/null 2>&1 &
wait "$workerd"
status=$?
# A trapped signal ends `wait` early: stay until workerd itself is gone.
while kill -0 "$workerd" 2>/dev/null; do wait "$workerd"; status=$?; done
exit "$status"
