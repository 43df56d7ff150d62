#!/bin/bash
# The layers as a test: which folder may include what, which file alone may use a library, how long
# a file may be, and words that are never left behind.
#
#   check_includes.sh [ROOT]      checks the tree; prints each breach; exit 1 if there is one
#   check_includes.sh --self-test plants each kind of breach in a copy and wants it found
set -euo pipefail

# Folder, then what its files may include: prefixes of our own headers, "gen" for generated code,
# and <prefix of a library's headers>. The longest folder that fits counts. "*" is anything.
layers='
include/openclaw  include/openclaw
proto/base        include/openclaw proto/base
proto/files       include/openclaw proto/base proto/files
proto/crypto      include/openclaw proto/base proto/crypto <openssl/>
proto/rpc         include/openclaw proto/base proto/crypto proto/rpc gen <openssl/> <nng/> <protobuf-c/>
server            *
server/base       include/openclaw proto/base server/base
server/obs        include/openclaw proto/base server/base server/obs
server/host       include/openclaw proto/base proto/files server/host
server/config     include/openclaw proto/base proto/files server/domain/administrator_map.h server/domain/approval_rule.h server/obs server/config <yaml.h>
server/domain     include/openclaw proto/base server/domain
server/store      include/openclaw proto/base proto/crypto server/domain server/store <sqlite3.h> <openssl/>
server/service    include/openclaw proto/base proto/crypto server/domain server/store/store.h server/store/marker.h server/store/backup.h server/base server/obs server/service
server/doctor     include/openclaw proto/base proto/crypto server/base server/obs server/host server/config server/store/store.h server/store/marker.h server/store/verify.h server/app.h server/state.h server/doctor
server/rpc        include/openclaw proto/base proto/crypto proto/rpc gen server/domain server/base server/obs server/service server/rpc <protobuf-c/> <utf8proc.h>
client            include/openclaw proto/base proto/files proto/crypto proto/rpc gen client <protobuf-c/>
cli               include/openclaw cli <utf8proc.h>
examples          include/openclaw
tests             *
'
# Headers that count as libraries: they must be named in a layer's row.
libraries='^(nng/|openssl/|protobuf-c/|yaml\.h|sqlite3\.h|utf8proc\.h|cmocka\.h)'
# The domain is pure: none of these either.
impure='^(stdio|time|pthread|threads|unistd|fcntl|signal|stdatomic|syslog)\.h|^sys/'
# Pattern in the text, then the only files that may hold it (extended regular expressions).
sole_users='
include.<yaml\.h>                               server/config/config_(yaml|yaml_tree|reader)\.[ch]
include.<sqlite3\.h>                            server/store/[a-z_]+\.[ch]
include.<openssl/ssl\.h>                        proto/rpc/tls[a-z_]*\.[ch]
\<(CLOCK_REALTIME|gettimeofday\(|time\(NULL)        (server/base/clock|client/[a-z_]+|cli/[a-z_]+)\.c
\<clock_gettime\(                                (server/base/clock|proto/rpc/[a-z_]+|client/[a-z_]+|cli/[a-z_]+)\.c
\<getrandom\([a-z]                                 (server/base/random|client/[a-z_]+)\.c
'
unfinished='\<(TO''DO|FIX''ME|XX''X|HA''CK|KLUD''GE)\>' # apart, so that this line is none
max_source_lines=700
max_header_lines=150
# Files that may be longer, each with the reason: the inside of one object and one contract would
# be two headers that make no sense alone; and what strangers read says more of each function.
long_files='
include/openclaw/admin.h        250
include/openclaw/administrators.h 160
include/openclaw/audit.h        210
include/openclaw/bundle.h       180
include/openclaw/device.h       170
include/openclaw/pairing.h      220
proto/rpc/connection_internal.h 190
server/store/store.h            210
'

breaches=0
breach() {
  printf '%s\n' "$1"
  breaches=$((breaches + 1))
}

c_files() {
  local folders=()
  for folder in include proto server client cli examples tests; do
    [ -d "$folder" ] && folders+=("$folder")
  done
  find "${folders[@]}" -type f -name '*.[ch]' | LC_ALL=C sort
}

# "FILE LINE SPELLING", the spelling with its brackets or quotes.
all_includes() {
  { c_files | xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include' || true; } |
    sed -E 's/^([^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*[>"]).*/\1 \2 \3/'
}

check_layers() {
  all_includes | awk -v layers="$layers" -v libraries="$libraries" -v impure="$impure" '
    BEGIN {
      n_rows = split(layers, rows, "\n")
      for (i = 1; i <= n_rows; i++) {
        folder = rows[i]
        sub(/ .*/, "", folder)
        allowed = rows[i]
        sub(/^[^ ]* */, "", allowed)
        if (folder != "") may[folder] = allowed
      }
    }
    function layer_of(file) {
      while (sub(/\/[^\/]*$/, "", file)) if (file in may) return file
      return ""
    }
    function is_allowed(layer, wanted,   i, n, words, word) {
      if (may[layer] == "*") return 1
      n = split(may[layer], words, " ")
      for (i = 1; i <= n; i++) {
        word = words[i]
        if (word ~ /\.h$/ ? wanted == word : index(wanted, word "/") == 1 || wanted == word) return 1
        if (word ~ /^</ && index(wanted, substr(word, 1, length(word) - 1)) == 1) return 1
      }
      return 0
    }
    {
      name = substr($3, 2, length($3) - 2)
      layer = layer_of($1)
      if (layer == "") { print $1 ":" $2 ": lies in no folder of the table"; next }
      if (name ~ /^openclaw\/.*\.pb-c\.h$/) wanted = "gen"
      else if (name ~ /^openclaw\//) wanted = "include/" name
      else if ($3 ~ /^"/) wanted = name
      else if (name ~ libraries) wanted = "<" name
      else wanted = ""
      if (wanted != "" && !is_allowed(layer, wanted))
        print $1 ":" $2 ": " layer " may not include " $3
      if (layer == "server/domain" && $3 ~ /^</ && name ~ impure)
        print $1 ":" $2 ": the domain is pure and may not include " $3
      if ($3 ~ /^"/ && name !~ /\// && layer != "tests")
        print $1 ":" $2 ": include from the root, not " $3
    }'
}

check_sole_users() {
  local pattern files
  while read -r pattern files; do
    [ -n "$pattern" ] || continue
    c_files | grep -v '^tests/' | grep -vxE "$files" |
      xargs -r grep -HnE "${pattern/include./include[[:space:]]+}" |
      sed -E "s#^([^:]*:[0-9]+):.*#\\1: only $files may hold this#" || true
  done <<<"$sole_users"
}

check_lengths() {
  c_files | while read -r file; do
    case $file in
      *.h) most=$max_header_lines ;;
      *) most=$max_source_lines ;;
    esac
    own=$(awk -v file="$file" '$1 == file { print $2 }' <<<"$long_files")
    most=${own:-$most}
    lines=$(wc -l <"$file")
    [ "$lines" -le "$most" ] || echo "$file: has $lines lines, at most $most"
  done
}

check_headers() {
  c_files | grep '\.h$' | xargs -r grep -HL '^#pragma once$' | sed 's/$/: lacks #pragma once/' || true
}

check_words() {
  { c_files; find . -maxdepth 3 -name CMakeLists.txt -not -path './build/*'; } |
    xargs -r grep -HnE "$unfinished" | sed -E 's/^([^:]*:[0-9]+):.*/\1: unfinished business/' || true
}

check_tree() {
  cd "$1"
  while read -r line; do
    breach "$line"
  done < <(check_layers; check_sole_users; check_lengths; check_headers; check_words)
  [ "$breaches" -eq 0 ] || { echo "arch: $breaches breaches"; return 1; }
  echo "arch: $(c_files | wc -l) files keep to the table"
}

# plant FILE TEXT EXPECTED: the tree with that one file must fail with EXPECTED.
plant() {
  local tree out
  tree=$(mktemp -d)
  mkdir -p "$tree/$(dirname "$1")" "$tree/include"
  printf '%b' "$2" >"$tree/$1"
  if out=$(bash "$self" "$tree") || ! grep -qF -- "$3" <<<"$out"; then
    echo "self-test: a breach in $1 was not found: wanted \"$3\", got: $out"
    breaches=$((breaches + 1))
  fi
  rm -rf "$tree"
}

allow() {
  local tree
  tree=$(mktemp -d)
  mkdir -p "$tree/$(dirname "$1")" "$tree/include"
  printf '%b' "$2" >"$tree/$1"
  bash "$self" "$tree" >/dev/null || { echo "self-test: $1 was refused"; breaches=$((breaches + 1)); }
  rm -rf "$tree"
}

self_test() {
  plant server/domain/a.c '#include <stdio.h>\n' 'the domain is pure'
  plant server/domain/a.c '#include "server/store/store.h"\n' 'server/domain may not include'
  plant server/service/a.c '#include "server/store/migrate.h"\n' 'server/service may not include'
  plant server/service/a.c '#include <openssl/evp.h>\n' 'server/service may not include'
  plant server/service/a.c '#include "openclaw/v1/admin.pb-c.h"\n' 'server/service may not include'
  plant server/rpc/a.c '  #  include "server/store/store.h"\n' 'server/rpc may not include'
  plant client/a.c '#include "server/base/clock.h"\n' 'client may not include'
  plant cli/a.c '#include "proto/base/hex.h"\n' 'cli may not include'
  plant proto/base/a.c '#include <nng/nng.h>\n' 'proto/base may not include'
  plant server/domain/a.c '#include "proto/files/file.h"\n' 'server/domain may not include'
  plant server/main.c '#include <yaml.h>\n' 'server/config/config_'
  plant server/app.c 'long f(void) { return time(NULL); }\n' 'server/base/clock'
  plant server/store/a.c '#include "store.h"\n' 'include from the root'
  plant proto/a.c '#include <nng/nng.h>\n' 'lies in no folder'
  plant cli/a.h 'int a;\n' 'lacks #pragma once'
  plant cli/a.h "#pragma once\n$(printf '\\n%.0s' {1..150})" 'has 151 lines, at most 150'
  plant cli/a.c "$(printf '\\n%.0s' {1..701})" 'has 701 lines, at most 700'
  plant cli/a.c "/* $(printf 'TO''DO') */\n" 'unfinished business'
  allow server/service/a.c '#include "server/store/store.h"\n#include <openclaw/types.h>\n'
  allow server/rpc/a.c '#include "openclaw/v1/admin.pb-c.h"\n#include <protobuf-c/protobuf-c.h>\n'
  allow cli/a.c '#include <stdio.h>\n#include <utf8proc.h>\n#include "cli/a.h"\n'
  [ "$breaches" -eq 0 ] && echo "self-test: every planted breach was found"
}

self=$(realpath "$0")
if [ "${1:-}" = --self-test ]; then
  self_test
else
  check_tree "${1:-$(dirname "$self")/../..}"
fi
