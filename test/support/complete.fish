# usage: fish --no-config complete.fish SCRIPT; lines come on standard input, their completions go out, each with a NUL behind.
source $argv[1]
while read -lz line
    complete -C $line
    printf '\0'
end
