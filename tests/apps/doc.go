// Package apps uses programs that others wrote through the gate: a wiki in a
// real browser, git, curl, WebSocket, server-sent events and gRPC, and the
// demo's shop. Each starts its backend on loopback and `gatehouse run` before
// it, in the modes it ships in, and wants what it gets without the gate: no
// refusal, no observation, no difference.
//
// A program that is missing skips its test; scripts/setup.sh installs all.
package apps
