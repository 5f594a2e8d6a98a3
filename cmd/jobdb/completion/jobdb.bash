# Completion of jobdb for bash: source <(jobdb completion bash)
_jobdb() {
    local cur=${COMP_WORDS[COMP_CWORD]} line at=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            [[ $cur == = ]] && cur=
            [[ $2 == @* ]] && at=@ # bash takes it for a word of its own, but replaces it
            [[ $at ]] || compopt -o filenames # which quotes names
            while IFS= read -r line; do
                [[ $at ]] && printf -v line '%q' "$line"
                COMPREPLY+=("$at$line")
            done < <(compgen -f -- "${cur#@}")
        else
            COMPREPLY+=("$line")
        fi
    done < <("${COMP_WORDS[0]}" __complete bash "$COMP_LINE" "$COMP_POINT" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=,:] ]]; then
        compopt -o nospace
    fi
}
complete -F _jobdb jobdb
