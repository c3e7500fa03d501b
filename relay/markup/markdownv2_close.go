package markup

func (p *markdownV2) close(c byte) error {
	top := &p.open[len(p.open)-1]
	if c == '\n' {
		return p.closeQuote()
	}
	switch k := top.kind; k {
	case kindLink:
		return p.closeLink(top)
	case kindEmoji:
		return p.closeEmoji(top)
	case kindUnderline, kindSpoiler:
		p.pos += 2
	case kindPre, kindPreCode:
		p.pos += 3
		p.mask = p.mask&inLenient | inText
	case kindCode:
		p.pos++
		if len(p.open) < 2 || !p.open[len(p.open)-2].kind.isBare() {
			p.mask = p.mask&inLenient | inText
		}
	default:
		p.pos++
	}
	p.closeTop()
	return nil
}

func (p *markdownV2) closeTop() {
	top := p.pop()
	switch top.kind {
	case kindPre, kindPreCode:
		p.pre(top.place, p.language)
	default:
		p.mark(top.place, top.kind)
	}
}

func (p *markdownV2) pop() opened {
	top := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	return top
}

// closeQuote ends the quote with the line break, which is part of it. A || right before it makes the quote expandable.
func (p *markdownV2) closeQuote() error {
	k := kindQuote
	if p.dangling() {
		p.pop()
		k = kindExpandable
	}
	if p.open[len(p.open)-1].kind != kindQuote {
		return p.unclosed()
	}
	p.ascii('\n')
	p.pos++
	p.mark(p.pop().place, k)
	p.quoted, p.lineStart = false, true
	return nil
}

// dangling reports whether what was opened last is a || directly before the end of the line; a CR may stand between.
func (p *markdownV2) dangling() bool {
	top := p.open[len(p.open)-1]
	if top.kind != kindSpoiler {
		return false
	}
	behind := p.src[top.at+2 : p.pos]
	return behind == "" || behind == "\r" && p.pos < len(p.src)
}

func (p *markdownV2) unclosed() error {
	if p.lenient {
		return errGuess
	}
	top := p.open[len(p.open)-1]
	return failureAt("Can't find end of "+kindNames[top.kind]+" entity", int(top.at), "")
}

func (p *markdownV2) tooDeep() error {
	if p.lenient {
		return errGuess
	}
	return failureAt(tooDeep, p.pos, "")
}

func (p *markdownV2) closeLink(top *opened) error {
	p.pos++
	url, state := p.targets.read(&p.pos)
	switch {
	case state == targetOpen:
		return p.noTarget()
	case state == targetNone && !p.lenient:
		url, _ = p.since(top.place)
	case state == targetNone:
		label, own := p.since(top.place)
		if _, reason := checkURL(label); !own || reason != "" {
			return errGuess
		}
		url = label
	}
	if place := p.pop().place; p.length(place) > 0 {
		p.link(place, url)
	}
	return nil
}

func (p *markdownV2) closeEmoji(top *opened) error {
	p.pos++
	url, state := p.targets.read(&p.pos)
	if state == targetOpen {
		return p.noTarget()
	}
	e, ok := emojiOrTime(url)
	switch {
	case ok:
		p.add(p.pop().place, e)
		return nil
	case p.lenient:
		return errGuess
	case state == targetNone:
		return failure("The entity must contain a tg://emoji or tg://time URL", int(top.at))
	}
	return failure("Invalid tg://emoji or tg://time URL specified", int(top.at))
}

func (p *markdownV2) noTarget() error {
	if p.lenient {
		return errGuess
	}
	return failureAt("Can't find end of a URL", p.pos+1, "")
}

func (p *markdownV2) end() error {
	if p.quoted {
		k := kindQuote
		if p.dangling() {
			p.pop()
			k = kindExpandable
		}
		if p.open[len(p.open)-1].kind == kindQuote {
			p.mark(p.pop().place, k)
		}
	}
	if len(p.open) > 0 {
		return p.unclosed()
	}
	return nil
}
