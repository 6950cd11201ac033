// Package observatory has the HTTP Observatory's own analysers score answers of the
// gate: its own pages, and the demo's.
package observatory
