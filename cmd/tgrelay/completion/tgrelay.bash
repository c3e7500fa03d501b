# Completion of tgrelay for bash, by the program itself: source <(tgrelay completion bash)
_tgrelay() {
    local line=${COMP_LINE:0:COMP_POINT} answer head
    # Readline takes = and : for ends of words: what stands before the last of them in the word is not ours to repeat.
    head=${line##*[[:space:]]}
    head=${head%"${head##*[$COMP_WORDBREAKS]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r answer _; do
        if [[ $answer == :files ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r answer; do COMPREPLY+=("$answer"); done < <(compgen -f -- "$2")
            return
        fi
        COMPREPLY+=("${answer#"$head"}")
    done < <("${1/#\~/$HOME}" complete --line "$line" 2>/dev/null)
}
complete -F _tgrelay tgrelay
