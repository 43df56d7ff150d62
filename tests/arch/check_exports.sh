#!/bin/bash
# What the shared library exports, what its map names and what the public headers declare are the
# same functions.
#
#   check_exports.sh ROOT LIBRARY [CC]
set -euo pipefail

root=$1 library=$2 cc=${3:-cc}

# Comments name functions too: take them out first.
declared() {
  local header
  for header in "$root"/include/openclaw/*.h; do
    "$cc" -fpreprocessed -dD -E -P "$header" 2>/dev/null
  done | grep -oE '\boc_[a-z0-9_]+\(' | tr -d '(' | sort -u
}
mapped() { grep -oE '^ +oc_[a-z0-9_]+;' "$root/client/libopenclaw.map" | tr -d ' ;' | sort -u; }
exported() { nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort -u; }

declared=$(declared) mapped=$(mapped) exported=$(exported)
[ -n "$declared" ] || { echo "exports: no declarations found"; exit 1; }
diff <(echo "$declared") <(echo "$mapped") > /dev/null ||
  { echo "exports: headers (<) and client/libopenclaw.map (>) differ:"
    diff <(echo "$declared") <(echo "$mapped"); exit 1; }
diff <(echo "$mapped") <(echo "$exported") > /dev/null ||
  { echo "exports: client/libopenclaw.map (<) and the library (>) differ:"
    diff <(echo "$mapped") <(echo "$exported"); exit 1; }
echo "exports: $(echo "$declared" | wc -l) functions"
