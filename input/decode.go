package input

// decode is what text says when its content codings are undone.
func (p *Parser) decode(text string, codings []string) (string, *Error) { return text, nil }
