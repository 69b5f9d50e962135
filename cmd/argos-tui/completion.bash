# Completion of argos-tui for bash: eval "$(argos-tui completion bash)"
# It asks the program itself, and needs no other package.
_argos_tui() {
	local line=${COMP_LINE:0:COMP_POINT} current answer directive keep candidate
	local -a words answers
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	current=${words[${#words[@]} - 1]}
	COMPREPLY=()
	answer=$("${words[0]}" __complete "${words[@]:1}" 2>/dev/null) || return
	mapfile -t answers <<<"$answer"
	directive=${answers[${#answers[@]} - 1]#:}
	unset "answers[${#answers[@]}-1]"
	# Bash replaces what follows the last = or : alone.
	[[ $current == --*=* ]] && keep=${current#*=} || keep=$current
	for candidate in "${answers[@]}"; do
		candidate=${candidate%%$'\t'*}
		[[ -n $candidate && $candidate == "$keep"* ]] || continue
		[[ $keep == *:* && $COMP_WORDBREAKS == *:* ]] && candidate=${candidate#"${keep%:*}:"}
		COMPREPLY+=("$candidate")
	done
	# The directives of cobra: 2 is no space, 4 no files.
	((directive & 2)) && compopt -o nospace 2>/dev/null
	((directive & 4)) && compopt +o default 2>/dev/null
	return 0
}
complete -o default -F _argos_tui argos-tui
