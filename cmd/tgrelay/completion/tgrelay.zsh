#compdef tgrelay
# Completion of tgrelay for zsh, by the program itself: source <(tgrelay completion zsh), or this file as _tgrelay in a folder of $fpath.
_tgrelay() {
    local -a answers offers
    local answer
    answers=("${(@f)$("${(Q)words[1]}" complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for answer in $answers; do
        if [[ $answer == :files ]]; then
            compset -P '*='
            _files
            return
        fi
        answer=${answer//:/\\:}
        offers+=("${answer/$'\t'/:}")
    done
    _describe tgrelay offers
}
if [[ $funcstack[1] == _tgrelay ]]; then
    _tgrelay "$@"
else
    compdef _tgrelay tgrelay
fi
