#compdef jobdb
# Completion of jobdb for zsh: source <(jobdb completion zsh), behind compinit
_jobdb() {
    local line word
    local -a found open shown opened
    for line in "${(@f)$("${words[1]}" __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        if [[ $line == :files ]]; then
            compset -P '*[=@]'
            _files
            continue
        fi
        [[ -z $line ]] && continue
        word=${line%%$'\t'*}
        line=${line/$'\t'/  -- }
        if [[ $word == *[=,] ]]; then
            open+=("$word") opened+=("$line")
        else
            found+=("$word") shown+=("$line")
        fi
    done
    (( $#found )) && compadd -l -d shown -a found
    (( $#open )) && compadd -S '' -l -d opened -a open
    return 0
}
compdef _jobdb jobdb
