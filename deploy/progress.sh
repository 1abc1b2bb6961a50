# Long steps that show they are alive. Sourced by ./check and ./quickstart.

progress_started=$SECONDS

# One line with the seconds since the start.
heading() {
  printf '[%4ds] %s\n' $((SECONDS - progress_started)) "$*"
}

# Runs a command with its output in the file $1, meanwhile showing the last line of it (on a
# terminal) or a sign of life every 30 seconds. When it fails, the end of the output is shown.
quietly() {
  local log=$1 began=$SECONDS status=0 last
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 &
  local running=$!
  while kill -0 "$running" 2>/dev/null; do
    if [[ -t 1 ]]; then
      last=$(tail -n 1 "$log" | tr -cd '[:print:]')
      printf '\r\033[K        %ds  %s' $((SECONDS - began)) "${last:0:60}"
    elif (((SECONDS - began) % 30 == 29)); then
      heading "  ... $(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-80)"
    fi
    sleep 1
  done
  [[ ! -t 1 ]] || printf '\r\033[K'
  wait "$running" || status=$?
  if ((status != 0)); then
    tail -n 60 "$log" >&2
    printf 'failed (%d): %s\n        all of its output: %s\n' "$status" "$*" "$log" >&2
  fi
  return "$status"
}
