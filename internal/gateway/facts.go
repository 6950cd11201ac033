package gateway

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
)

// A Fact is something about this machine that a configuration can't say.
type Fact struct {
	Words string `json:"words"`
	// Finding is set where it undoes what the gate is for.
	Finding bool `json:"finding"`
}

// databasePorts are where databases listen when nobody says otherwise: the
// gate does not know which of them the backend uses beside those of SQL gates.
var databasePorts = []struct {
	port int
	name string
}{
	{5432, "PostgreSQL"}, {3306, "MySQL or MariaDB"}, {1433, "SQL Server"}, {1521, "Oracle"},
	{27017, "MongoDB"}, {6379, "Redis"}, {11211, "memcached"}, {9200, "Elasticsearch"},
}

// Facts says which of what stands behind the gate can be reached around it,
// from the system's table of listeners.
func Facts(c *config.Config) []Fact {
	var facts []Fact
	if u, err := url.Parse(c.Upstream); err == nil && u.Scheme != "unix" {
		facts = append(facts, reachable("the backend", hostPort(u)))
	}
	known := make(map[int]bool)
	for _, g := range c.Data.SQL {
		d, err := config.ParseDatabase(g.Upstream)
		if err != nil || d.Unix() {
			continue
		}
		facts = append(facts, reachable("the database of SQL gate "+g.Name, net.JoinHostPort(d.Host, d.Port)))
		if port, err := strconv.Atoi(d.Port); err == nil && d.Loopback() {
			known[port] = true
		}
	}
	sockets, err := network.Listening()
	if err != nil {
		return append(facts, Fact{Words: "which databases listen beyond loopback can't be told: " + err.Error()})
	}
	listens := make(map[uint16]bool)
	for _, s := range sockets {
		listens[s.Addr.Port()] = true
	}
	for _, d := range databasePorts {
		if listens[uint16(d.port)] && !known[d.port] {
			facts = append(facts, reachable(d.name, fmt.Sprintf("127.0.0.1:%d", d.port)))
		}
	}
	return facts
}

func hostPort(u *url.URL) string {
	p := proxy{upstream: u}
	_, address := p.address()
	return address
}

func reachable(what, address string) Fact {
	f, err := network.BeyondLoopback(address)
	if err != nil {
		return Fact{Words: fmt.Sprintf("%s at %s: %v", what, address, err)}
	}
	words := f.Words
	if strings.HasPrefix(words, "Nothing") {
		words = "n" + words[1:]
	}
	return Fact{Words: what + ": " + words, Finding: f.Beyond}
}
