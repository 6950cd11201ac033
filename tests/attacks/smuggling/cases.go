package smuggling

import (
	"fmt"
	"strings"
)

// A Case is what one connection sends.
type Case struct {
	Name string
	// Bytes have the case's number in place of {n}: targets are /case/{n} and, of
	// the request that is to be smuggled, /smuggled/{n}.
	Bytes string
}

const (
	host     = "Host: localhost\r\n"
	smuggled = "GET /smuggled/{n} HTTP/1.1\r\nHost: localhost\r\n\r\n"
	next     = "GET /next/{n} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
)

// Cases makes all of them, in an order that stays.
func Cases() []Case {
	var all []Case
	add := func(name, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		text = strings.ReplaceAll(text, "{n}", fmt.Sprint(len(all)))
		all = append(all, Case{name, text})
	}
	lengthCases(add)
	codingCases(add)
	chunkCases(add)
	lineCases(add)
	fieldCases(add)
	hostCases(add)
	return all
}

type adder func(name, format string, args ...any)

// lengthCases spell Content-Length in ways that some read as another number.
func lengthCases(add adder) {
	n := len(smuggled)
	for _, c := range []struct{ name, field string }{
		{"plain", "Content-Length: %d"}, {"plus", "Content-Length: +%d"}, {"minus", "Content-Length: -%d"}, {"space before", "Content-Length:  %d"},
		{"zeros", "Content-Length: 000%d"}, {"hex", "Content-Length: 0x%x"}, {"exponent", "Content-Length: %de0"}, {"fraction", "Content-Length: %d.0"},
		{"comma", "Content-Length: %d,"}, {"list of the same", "Content-Length: %[1]d, %[1]d"}, {"list with nought", "Content-Length: 0, %d"}, {"list ending in nought", "Content-Length: %d, 0"},
		{"semicolon", "Content-Length: %d;"}, {"words", "Content-Length: %d bytes"}, {"inner space", "Content-Length: 0 %d"}, {"underscore", "Content-Length: 0_%d"},
		{"quoted", "Content-Length: \"%d\""}, {"NUL behind", "Content-Length: %d\x00"}, {"vertical tab", "Content-Length: \x0b%d"}, {"form feed", "Content-Length: %d\x0c"},
		{"space before the colon", "Content-Length : %d"}, {"tab before the colon", "Content-Length\t: %d"}, {"space before the name", " Content-Length: %d"}, {"name with an underscore", "Content_Length: %d"},
		{"NUL in the name", "Content-\x00Length: %d"}, {"twice, the same", "Content-Length: %[1]d\r\nContent-Length: %[1]d"}, {"twice, nought first", "Content-Length: 0\r\nContent-Length: %d"},
		{"twice, nought last", "Content-Length: %d\r\nContent-Length: 0"}, {"twice, other cases", "content-length: %d\r\nCONTENT-LENGTH: 0"}, {"folded", "Content-Length:\r\n %d"}, {"folded behind", "Content-Length: 0\r\n %d"},
		{"bare LF before", "X: y\nContent-Length: %d"}, {"bare CR before", "X: y\rContent-Length: %d"}, {"empty", "Content-Length:"}, {"too large", "Content-Length: 18446744073709551616%d"},
		{"negative nought", "Content-Length: -0"}, {"other digits", "Content-Length: \xd9\xa1\xd9\xa2"}, {"hidden in a value", "X: \x00\r\nContent-Length: %d"}, {"named by Connection", "Connection: Content-Length\r\nContent-Length: %d"},
		{"twice by underscore", "Content-Length: %d\r\nContent_Length: 0"},
	} {
		field := c.field
		if strings.Contains(field, "%") {
			field = fmt.Sprintf(field, n)
		}
		for _, method := range []string{"POST", "GET"} {
			add("length, "+c.name+", "+method, "%s /case/{n} HTTP/1.1\r\n"+host+"%s\r\n\r\n"+smuggled+next, method, field)
		}
	}
}

// codingCases spell Transfer-Encoding in ways that some overlook, with and without a
// length beside it.
func codingCases(add adder) {
	chunks := "0\r\n\r\n" + smuggled
	for _, c := range []struct{ name, field string }{
		{"plain", "Transfer-Encoding: chunked"}, {"capital", "Transfer-Encoding: CHUNKED"}, {"space before the colon", "Transfer-Encoding : chunked"}, {"tab before the colon", "Transfer-Encoding\t: chunked"},
		{"tab before the value", "Transfer-Encoding:\tchunked"}, {"vertical tab", "Transfer-Encoding: \x0bchunked"}, {"form feed behind", "Transfer-Encoding: chunked\x0c"}, {"NUL behind", "Transfer-Encoding: chunked\x00"},
		{"space before the name", " Transfer-Encoding: chunked"}, {"underscore", "Transfer_Encoding: chunked"}, {"prefix", "Transfer-Encoding: xchunked"}, {"suffix", "Transfer-Encoding: chunkedx"},
		{"quoted", "Transfer-Encoding: \"chunked\""}, {"single quotes", "Transfer-Encoding: 'chunked'"}, {"parameter", "Transfer-Encoding: chunked;a=b"}, {"comma before", "Transfer-Encoding: ,chunked"},
		{"comma behind", "Transfer-Encoding: chunked,"}, {"identity", "Transfer-Encoding: identity"}, {"identity first", "Transfer-Encoding: identity, chunked"}, {"identity last", "Transfer-Encoding: chunked, identity"},
		{"gzip first", "Transfer-Encoding: gzip, chunked"}, {"unknown first", "Transfer-Encoding: cow, chunked"}, {"twice in a list", "Transfer-Encoding: chunked, chunked"}, {"twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"},
		{"twice, identity last", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"}, {"twice, identity first", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"}, {"twice, unknown last", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x"},
		{"folded", "Transfer-Encoding:\r\n chunked"}, {"folded behind", "Transfer-Encoding: x\r\n chunked"}, {"bare LF before", "X: y\nTransfer-Encoding: chunked"}, {"bare CR before", "X: y\rTransfer-Encoding: chunked"},
		{"bare CR behind the name", "Transfer-Encoding\r: chunked"}, {"empty", "Transfer-Encoding:"}, {"other letters", "Transfer-Encoding: chun\xe2\x84\xaaed"}, {"long s", "Tran\xc5\xbffer-Encoding: chunked"},
		{"no space", "Transfer-Encoding:chunked"}, {"NUL in the name", "Transfer\x00-Encoding: chunked"}, {"two colons", "Transfer-Encoding:: chunked"}, {"named by Connection", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked"},
		{"TE", "TE: chunked"}, {"Content-Encoding", "Content-Encoding: chunked"}, {"deflate", "Transfer-Encoding: deflate"}, {"bell", "Transfer-Encoding: \x07chunked"}, {"DEL", "Transfer-Encoding: chunked\x7f"},
		{"no-break space", "Transfer-Encoding: \xa0chunked"}, {"braces", "Transfer-Encoding: [chunked]"}, {"name=value", "Transfer-Encoding: encoding=chunked"}, {"backslash", "Transfer-Encoding: \\chunked"},
	} {
		add("coding, "+c.name, "POST /case/{n} HTTP/1.1\r\n"+host+"%s\r\n\r\n"+chunks+next, c.field)
		add("coding before a length, "+c.name, "POST /case/{n} HTTP/1.1\r\n"+host+"%s\r\nContent-Length: %d\r\n\r\n"+chunks+next, c.field, len(chunks))
		add("coding behind a length, "+c.name, "POST /case/{n} HTTP/1.1\r\n"+host+"Content-Length: %d\r\n%s\r\n\r\n"+chunks+next, 5, c.field)
		add("coding over HTTP/1.0, "+c.name, "POST /case/{n} HTTP/1.0\r\n"+host+"%s\r\nConnection: keep-alive\r\n\r\n"+chunks+next, c.field)
	}
}

// chunkCases end chunks where some see no end.
func chunkCases(add adder) {
	n := len(smuggled)
	for _, c := range []struct{ name, body string }{
		{"plain", "5\r\nhello\r\n0\r\n\r\n"}, {"extension", "5;a=b\r\nhello\r\n0\r\n\r\n"}, {"trailer", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"}, {"upper hex", "A\r\n0123456789\r\n0\r\n\r\n"},
		{"plus", "+5\r\nhello\r\n0\r\n\r\n"}, {"minus nought", "-0\r\n\r\n"}, {"hex prefix", "0x5\r\nhello\r\n0\r\n\r\n"}, {"hex prefix of nought", "0x0\r\n\r\n"},
		{"space before", " 5\r\nhello\r\n0\r\n\r\n"}, {"space behind", "5 \r\nhello\r\n0\r\n\r\n"}, {"tab behind", "5\t\r\nhello\r\n0\r\n\r\n"}, {"space before the extension", "5 ;a\r\nhello\r\n0\r\n\r\n"},
		{"bare LF behind the size", "5\nhello\r\n0\r\n\r\n"}, {"bare CR behind the size", "5\rhello\r\n0\r\n\r\n"}, {"bare LF behind the data", "5\r\nhello\n0\r\n\r\n"}, {"bare CR behind the data", "5\r\nhello\r0\r\n\r\n"},
		{"no end of the data", "5\r\nhello0\r\n\r\n"}, {"data too long", "5\r\nhelloXX\r\n0\r\n\r\n"}, {"data too short", "5\r\nhel\r\n0\r\n\r\n"}, {"two bytes for the end", "5\r\nhelloXX0\r\n\r\n"},
		{"LF in the extension", "5;a\nhello\r\n0\r\n\r\n"}, {"CR in the extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"}, {"NUL in the extension", "5;\x00\r\nhello\r\n0\r\n\r\n"}, {"quoted line in the extension", "5;a=\"\r\nhello\r\n0\r\n\r\n\"\r\n"},
		{"long extension", "5;" + strings.Repeat("a", 5000) + "\r\nhello\r\n0\r\n\r\n"}, {"size past 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"}, {"size past 32 bits", "100000005\r\nhello\r\n0\r\n\r\n"},
		{"negative size", "-5\r\nhello\r\n0\r\n\r\n"}, {"underscore in the size", "0_5\r\nhello\r\n0\r\n\r\n"}, {"letters in the size", "5g\r\nhello\r\n0\r\n\r\n"}, {"no size", "\r\nhello\r\n0\r\n\r\n"},
		{"extension alone", ";a\r\nhello\r\n0\r\n\r\n"}, {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n"}, {"many leading zeros", strings.Repeat("0", 40) + "5\r\nhello\r\n0\r\n\r\n"}, {"last without an empty line", "5\r\nhello\r\n0\r\n"},
		{"last with a bare LF", "5\r\nhello\r\n0\r\n\n"}, {"last with two bare LF", "5\r\nhello\r\n0\n\n"}, {"trailer with a length", "0\r\nContent-Length: 5\r\n\r\n"}, {"trailer with a coding", "0\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"trailer with a host", "0\r\nHost: evil.example\r\n\r\n"}, {"trailer folded", "0\r\nX: y\r\n z\r\n\r\n"}, {"trailer with a bare LF", "0\r\nX: y\n\r\n"}, {"trailer without a colon", "0\r\nX\r\n\r\n"}, {"trailer with NUL", "0\r\nX: \x00\r\n\r\n"},
		{"percent-escaped size", "%%35\r\nhello\r\n0\r\n\r\n"}, {"fullwidth size", "\xef\xbc\x95\r\nhello\r\n0\r\n\r\n"}, {"empty line before the size", "\r\n5\r\nhello\r\n0\r\n\r\n"}, {"the request as data", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, smuggled)},
		{"end without last chunk", "5\r\nhello\r\n"},
	} {
		add("chunk, "+c.name, "POST /case/{n} HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n"+c.body+smuggled+next)
	}
}

// lineCases spell the request line, or what stands before it.
func lineCases(add adder) {
	rest := "\r\n" + host + "Connection: close\r\n\r\n"
	for _, c := range []struct{ name, line string }{
		{"plain", "GET /case/{n} HTTP/1.1"}, {"two spaces", "GET  /case/{n} HTTP/1.1"}, {"tab", "GET\t/case/{n} HTTP/1.1"}, {"space behind", "GET /case/{n} HTTP/1.1 "}, {"space before", " GET /case/{n} HTTP/1.1"},
		{"space in the target", "GET /case/{n} /x HTTP/1.1"}, {"no version", "GET /case/{n}"}, {"HTTP/0.9", "GET /case/{n} HTTP/0.9"}, {"HTTP/1.2", "GET /case/{n} HTTP/1.2"}, {"HTTP/2.0", "GET /case/{n} HTTP/2.0"},
		{"lower version", "GET /case/{n} http/1.1"}, {"HTTP/1.10", "GET /case/{n} HTTP/1.10"}, {"HTTP/01.1", "GET /case/{n} HTTP/01.1"}, {"HTTP/1,1", "GET /case/{n} HTTP/1,1"}, {"HTTP 1.1", "GET /case/{n} HTTP 1.1"},
		{"lower method", "get /case/{n} HTTP/1.1"}, {"colon in the method", "GET: /case/{n} HTTP/1.1"}, {"NUL in the method", "GE\x00T /case/{n} HTTP/1.1"}, {"quote in the method", "\"GET\" /case/{n} HTTP/1.1"},
		{"empty line before", "\r\nGET /case/{n} HTTP/1.1"}, {"LF before", "\nGET /case/{n} HTTP/1.1"}, {"CR before", "\rGET /case/{n} HTTP/1.1"}, {"NUL before", "\x00GET /case/{n} HTTP/1.1"}, {"mark before", "\xef\xbb\xbfGET /case/{n} HTTP/1.1"},
		{"absolute", "GET http://localhost/case/{n} HTTP/1.1"}, {"absolute, foreign", "GET http://evil.example/case/{n} HTTP/1.1"}, {"absolute, with a name", "GET http://localhost@evil.example/case/{n} HTTP/1.1"}, {"absolute, another scheme", "GET gopher://localhost/case/{n} HTTP/1.1"},
		{"authority", "GET localhost:80 HTTP/1.1"}, {"asterisk", "GET * HTTP/1.1"}, {"relative", "GET case/{n} HTTP/1.1"}, {"no target", "GET  HTTP/1.1"}, {"fragment", "GET /case/{n}#x HTTP/1.1"}, {"control byte", "GET /case/{n}\x01 HTTP/1.1"},
		{"NUL in the target", "GET /case/{n}\x00 HTTP/1.1"}, {"CR in the target", "GET /case/{n}\rX: y HTTP/1.1"}, {"line in the target", "GET /case/{n}\nX: y HTTP/1.1"}, {"dots", "GET /x/../case/{n} HTTP/1.1"}, {"escaped dots", "GET /x/%%2e%%2e/case/{n} HTTP/1.1"},
		{"backslash dots", "GET /x\\..\\case/{n} HTTP/1.1"}, {"parameter dots", "GET /x/..;/case/{n} HTTP/1.1"}, {"escaped NUL", "GET /case/{n}%%00 HTTP/1.1"}, {"escaped line", "GET /case/{n}%%0d%%0aX:y HTTP/1.1"}, {"CONNECT", "CONNECT localhost:80 HTTP/1.1"}, {"TRACE", "TRACE /case/{n} HTTP/1.1"},
	} {
		add("line, "+c.name, c.line+rest+next)
	}
	add("line, bare LF alone", "GET /case/{n} HTTP/1.1\n"+host+"\r\n"+next)
	add("line, bare LF everywhere", "GET /case/{n} HTTP/1.1\nHost: localhost\n\n"+next)
	add("line, HTTP/0.9 without a version", "GET /case/{n}\r\n")
	add("line, preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+next)
}

// fieldCases spell other fields.
func fieldCases(add adder) {
	for _, c := range []struct{ name, field string }{
		{"folded", "X: y\r\n z"}, {"folded by a tab", "X: y\r\n\tz"}, {"first folded", ""}, {"no colon", "X"}, {"no name", ": y"}, {"space before the colon", "X : y"}, {"NUL in the value", "X: \x00"}, {"NUL in the name", "X\x00: y"},
		{"CR in the value", "X: y\rZ: w"}, {"LF in the value", "X: y\nZ: w"}, {"a request in the value", "X: y\n\nGET /smuggled/{n} HTTP/1.1\nHost: localhost\n"}, {"colon first", ":X: y"}, {"parentheses in the name", "X(y): z"}, {"escape", "X: \x1b[2J"},
		{"the gate's own", "Gate-Request-Id: forged"}, {"upgrade to plain HTTP/2", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"}, {"expect", "Expect: 200-maybe"}, {"keep-alive named by Connection", "Connection: Host"},
		{"trailer announced", "Trailer: Content-Length"}, {"range of nothing", "Range: bytes=-"}, {"non-ASCII name", "X\xc3\xa9: y"}, {"at sign in the name", "X@Y: z"}, {"method override", "X-HTTP-Method-Override: DELETE"},
	} {
		field := c.field
		if c.name == "first folded" {
			add("field, first folded", "GET /case/{n} HTTP/1.1\r\n "+host+"Connection: close\r\n\r\n"+next)
			continue
		}
		add("field, "+c.name, "GET /case/{n} HTTP/1.1\r\n"+host+field+"\r\n\r\n"+next)
	}
}

// hostCases name hosts that some read as another.
func hostCases(add adder) {
	for _, c := range []struct{ name, fields string }{
		{"none", ""}, {"empty", "Host:\r\n"}, {"two", "Host: localhost\r\nHost: evil.example\r\n"}, {"two, the same", "Host: localhost\r\nHost: localhost\r\n"}, {"list", "Host: localhost, evil.example\r\n"}, {"space", "Host: localhost evil.example\r\n"},
		{"path", "Host: localhost/evil.example\r\n"}, {"name", "Host: localhost@evil.example\r\n"}, {"query", "Host: localhost?x\r\n"}, {"fragment", "Host: localhost#x\r\n"}, {"backslash", "Host: localhost\\evil.example\r\n"}, {"folded", "Host:\r\n localhost\r\n"},
		{"space before the colon", "Host : localhost\r\n"}, {"two, one by a space", "Host: localhost\r\n Host: evil.example\r\n"}, {"NUL", "Host: localhost\x00evil.example\r\n"}, {"tab", "Host:\tlocalhost\r\n"}, {"quotes", "Host: \"localhost\"\r\n"}, {"port of letters", "Host: localhost:http\r\n"},
	} {
		add("host, "+c.name, "GET /case/{n} HTTP/1.1\r\n%s\r\n"+next, c.fields)
	}
}
