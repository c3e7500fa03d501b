# Completion of tgrelay for fish, by the program itself: tgrelay completion fish | source
function __tgrelay_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l answers ($words[1] complete -- $words[2..] "$word" 2>/dev/null)
    if test "$answers[1]" = :files
        set -l flag (string match -r '^-[^=]+=' -- $word)
        for path in (__fish_complete_path (string replace -r '^-[^=]+=' '' -- $word))
            string join '' -- $flag $path
        end
        return
    end
    printf '%s\n' $answers
end
complete -c tgrelay -f -a '(__tgrelay_complete)'
