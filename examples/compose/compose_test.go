// Package compose_test reads the files of this example. It stops a change that
// lets clients past the gate; it trusts that a container engine does what the
// files say, and starts none.
package compose_test

import (
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// The parts of a compose file that decide who reaches what.
type composition struct {
	Services map[string]service `yaml:"services"`
	Networks map[string]struct {
		Internal bool `yaml:"internal"`
	} `yaml:"networks"`
}

type service struct {
	Ports       []string `yaml:"ports"`
	Networks    []string `yaml:"networks"`
	NetworkMode string   `yaml:"network_mode"`
	Privileged  bool     `yaml:"privileged"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	Volumes     []string `yaml:"volumes"`
	Profiles    []string `yaml:"profiles"`
	Extends     any      `yaml:"extends"`
}

func parse(t *testing.T, text string) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exposed says how clients could reach a service past the gate.
func exposed(c composition) (ways []string) {
	for name, s := range c.Services {
		if name == "gate" {
			continue
		}
		if len(s.Ports) > 0 {
			ways = append(ways, name+" publishes "+strings.Join(s.Ports, ", "))
		}
		if s.NetworkMode != "" || s.Privileged || s.Extends != nil {
			ways = append(ways, name+" steps out of its networks")
		}
		if len(s.Networks) == 0 {
			ways = append(ways, name+" is on the default network, which is not internal")
		}
		for _, network := range s.Networks {
			if !c.Networks[network].Internal {
				ways = append(ways, name+" is on "+network+", which is not internal")
			}
		}
	}
	return ways
}

func TestCompose_OnlyTheGateIsReachable(t *testing.T) {
	c := parse(t, read(t, "compose.yaml"))
	for _, way := range exposed(c) {
		t.Error(way)
	}
	gate := c.Services["gate"]
	if len(gate.Ports) != 2 || !strings.HasSuffix(gate.Ports[0], ":8443") || !strings.HasSuffix(gate.Ports[1], ":8080") {
		t.Errorf("the gate publishes %v, want its two listeners", gate.Ports)
	}
	if len(c.Services) < 3 {
		t.Errorf("%d services, want the gate, an application and a database", len(c.Services))
	}
}

func TestCompose_GateHasNoRightsItDoesNotNeed(t *testing.T) {
	gate := parse(t, read(t, "compose.yaml")).Services["gate"]
	if !gate.ReadOnly || gate.Privileged || gate.NetworkMode != "" || len(gate.CapDrop) != 1 || gate.CapDrop[0] != "ALL" {
		t.Errorf("the gate's rights are %+v", gate)
	}
	for _, volume := range gate.Volumes {
		if strings.HasPrefix(volume, "/") || strings.Contains(volume, "docker.sock") {
			t.Errorf("the gate gets %s of the host", volume)
		}
	}
}

func TestCompose_EachWayPastTheGateIsSeen(t *testing.T) {
	const networks = "\nnetworks: {front: {}, back: {internal: true}}"
	for _, tc := range []struct{ name, services string }{
		{"a published port", `services: {db: {networks: [back], ports: ["5432:5432"]}}`},
		{"the host's network", `services: {db: {networks: [back], network_mode: host}}`},
		{"no network named", `services: {db: {}}`},
		{"an open network", `services: {db: {networks: [back, front]}}`},
		{"a network that is nowhere", `services: {db: {networks: [other]}}`},
		{"another file's service", `services: {db: {networks: [back], extends: {file: x.yaml, service: db}}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if len(exposed(parse(t, tc.services+networks))) == 0 {
				t.Error("goes unseen")
			}
		})
	}
}

func TestConfiguration_HasNoErrors(t *testing.T) {
	out, err := testkit.Command(t, "check", "-c", "gatehouse.yaml").CombinedOutput()
	if err != nil {
		t.Errorf("gatehouse check: %v\n%s", err, out)
	}
}

func TestDockerfile_StaticBinaryAsUserWithoutRights(t *testing.T) {
	text := read(t, "Dockerfile")
	last := text[strings.LastIndex(text, "\nFROM ")+1:]
	if !strings.HasPrefix(last, "FROM scratch\n") {
		t.Errorf("the last stage is not scratch:\n%s", last)
	}
	if !strings.Contains(last, "\nUSER 65532:65532\n") {
		t.Error("the image does not run as user 65532")
	}
	if !strings.Contains(text, "CGO_ENABLED=0 go build") {
		t.Error("the binary is not static, and scratch has no libraries")
	}
}
