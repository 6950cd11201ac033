// Package input parses a request once, within bounds, into the values that a
// client put into it, each with its place: path segments, query, form, JSON,
// GraphQL's arguments, multipart fields and file names, cookies, headers, and the
// names it chose.
//
// It stops what can't be read the same way by the gate and a backend: bodies
// above a bound, decompression bombs, JSON, multipart and encodings that are
// broken or ambiguous. Where ordinary backends read a value in different ways,
// each reading is an input, so that no check depends on guessing which.
//
// It trusts nothing but net/http's parsing of the request's head. It judges
// no value: that is for the rungs that ask for the inputs. It does not change
// a request: the backend gets the original bytes.
//
// # Readings
//
//   - Query and form: pairs split at "&", and at ";" too; "+" as a space (and
//     as itself where the value could be code); a broken escape as it stands,
//     and without its percent sign; %uXXXX; repeated names also joined by
//     commas; the parts of bracketed and dotted names as keys of their own.
//   - JSON: one value or several after each other (Elasticsearch's bulk bodies
//     come as application/json); a byte order mark and UTF-16 or UTF-32 are
//     read as Python and Jackson do; a lone surrogate becomes U+FFFD; with
//     duplicate members each value is an input, which is no error: checks see
//     all of them, whichever the backend takes.
//   - GraphQL: documents wherever servers look for them, followed through aliases,
//     fragments and variables; see [Inputs.GraphQL].
//   - Bytes that are not UTF-8: as they are, and with U+FFFD in their place.
//   - Charsets: single-byte ones and the East Asian supersets of ASCII are
//     read by their bytes; UTF-16 and UTF-32 are converted; any other (UTF-7,
//     EBCDIC) is refused by the rule "encoding", as it hides every character.
//   - Content codings: most backends ignore them, so what the undecoded bytes
//     say as a form or as JSON is an input too.
//   - Cookies: as they stand, unquoted, unescaped and percent-decoded.
package input
