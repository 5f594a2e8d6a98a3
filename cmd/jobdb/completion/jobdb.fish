# Completion of jobdb for fish: jobdb completion fish >~/.config/fish/completions/jobdb.fish
function __jobdb_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for line in ($program __complete fish $words "$current" 2>/dev/null)
        if test "$line" = ":files"
            set -l prefix (string match -r '^(?:--[^=]*=|@)' -- $current)
            for file in (__fish_complete_path (string replace -r '^(?:--[^=]*=|@)' '' -- $current))
                echo "$prefix$file"
            end
        else
            echo $line
        end
    end
end
complete -c jobdb -f -a '(__jobdb_complete)'
