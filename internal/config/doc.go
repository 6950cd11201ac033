// Package config reads gatehouse.yaml into plain data.
//
// It stops a gate from starting on a file that says something other than its
// writer meant: unknown keys, wrong types, bypasses without a reason and
// secrets written out are errors, all reported together with line and column.
// It trusts the file's writer, who may name any file or environment variable.
// It does not open a socket, load a certificate, or decide what a value does:
// each layer has its own Options, and internal/gateway fills them from here.
//
// The struct tags of [Config] are the one table that defaults, the reference
// page, the JSON Schema and the commented file of `gatehouse init` come from.
package config

//go:generate go test -run ^TestGenerated -update
