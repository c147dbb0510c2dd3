# Runs Go's vet on one file. "go vet" looks at all that the file imports as well, down to the whole of the
# standard library, for what it calls facts: seconds of it. Vet itself takes the compiled packages instead, and
# knows the functions of the standard library by name.
go=$1 source=$2
tool=$("$go" env GOTOOLDIR)/vet
[ -x "$tool" ] || exec "$go" vet "$source"
imports=$("$go" list -e -f '{{join .Imports " "}}' "$source" 2> /dev/null)
# shellcheck disable=SC2086 # one argument for each
packages=$("$go" list -e -export -deps -f '{{.ImportPath}} {{.Export}}' ${imports:-unsafe} 2> /dev/null)
names= files=
while read -r package file; do
  [ -n "$file" ] || continue
  names="$names,\"$package\":\"$package\"" files="$files,\"$package\":\"$file\""
done <<< "$packages"
printf '{"ID":"main","Compiler":"gc","ImportPath":"main","GoVersion":"%s","GoFiles":["%s"],"VetxOutput":"/tmp/vetx","ImportMap":{%s},"PackageFile":{%s}}' \
  "$("$go" env GOVERSION)" "$source" "${names#,}" "${files#,}" > /tmp/vet.cfg
exec "$tool" /tmp/vet.cfg
