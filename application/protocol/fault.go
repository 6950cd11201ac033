package protocol

import "github.com/gatehousehq/gatehouse"

// A fault is what is wrong with a head or a body; none is nothing. It is a number, so
// that finding one allocates nothing.
type fault uint8

const (
	none fault = iota
	faultLF
	faultEmpty
	faultLine
	faultVersion
	faultTarget
	faultFold
	faultSpace
	faultName
	faultValue
	faultLong
	faultURL
	faultFields
	faultBoth
	faultCoding
	faultOldCoding
	faultLength
	faultLengths
	faultMasked
	faultHosts
	faultNoHost
	faultHost
	faultForeign
	faultHop
	faultChunk
	faultChunkEnd
	faultChunkLine
	faultExtension
	faultTrailer
	faultTrailers
)

// faults say of each fault which rule it breaks, why, and what its client is told.
var faults = [...]struct {
	rule, words string
	status      int
}{
	faultLF:        {RuleSyntax, "a line ends without a carriage return", 400},
	faultEmpty:     {RuleSyntax, "an empty line stands before the request", 400},
	faultLine:      {RuleSyntax, "the request line is not a method, a target and a version with one space between", 400},
	faultVersion:   {RuleSyntax, "the version is neither HTTP/1.1 nor HTTP/1.0", 505},
	faultTarget:    {RuleSyntax, "the target has a form or a byte that no target may have", 400},
	faultFold:      {RuleSyntax, "a line begins with white space", 400},
	faultSpace:     {RuleSyntax, "white space stands before a colon", 400},
	faultName:      {RuleSyntax, "a field's name has a byte that no name may have", 400},
	faultValue:     {RuleSyntax, "a field's value has a control byte", 400},
	faultLong:      {RuleSize, "the head is longer than application.protocol.head", 431},
	faultURL:       {RuleSize, "the target is longer than application.protocol.url", 414},
	faultFields:    {RuleSize, "the head has more fields than application.protocol.fields", 431},
	faultBoth:      {RuleFraming, "the body has both a length and a transfer coding", 400},
	faultCoding:    {RuleFraming, "the transfer coding is not chunked, once", 501},
	faultOldCoding: {RuleFraming, "an HTTP/1.0 request has a transfer coding", 400},
	faultLength:    {RuleFraming, "the body's length is no number", 400},
	faultLengths:   {RuleFraming, "the body has two lengths", 400},
	faultMasked:    {RuleFraming, "a field about the body's end is spelled so that some read it and some do not", 400},
	faultHosts:     {RuleHost, "the request names two hosts", 400},
	faultNoHost:    {RuleHost, "the request names no host", 400},
	faultHost:      {RuleHost, "the host has a byte that no host may have", 400},
	faultForeign:   {RuleHost, "the target's host is not the Host field's", 400},
	faultHop:       {RuleFraming, "Connection names a field that is not the connection's own", 400},
	faultChunk:     {RuleFraming, "a chunk's size is no hexadecimal number", 400},
	faultChunkEnd:  {RuleFraming, "a chunk does not end where its size says", 400},
	faultChunkLine: {RuleFraming, "the line of a chunk's size does not end in CR LF", 400},
	faultExtension: {RuleFraming, "a chunk's extension is too long, or has a control byte", 400},
	faultTrailer:   {RuleFraming, "a trailer is about the body's end", 400},
	faultTrailers:  {RuleSize, "the trailers are too long", 431},
}

func (f fault) decision() gatehouse.Decision {
	is := faults[f]
	d := gatehouse.Denied(is.rule, gatehouse.Place{}, "%s", is.words).WithStatus(is.status)
	d.Close = true
	return d
}
