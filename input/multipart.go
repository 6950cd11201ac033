package input

import "net/http"

func (p *Parser) parseMultipart(text string, m media, b *builder) *Error { return nil }

func (p *Parser) stream(r *http.Request, in *Inputs, m media) *Error { return nil }
