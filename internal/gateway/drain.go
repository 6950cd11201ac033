package gateway

import (
	"context"
	"time"
)

// lastWords is how long what was ended may take to end, and how long those who
// run the gate may take with what they asked.
const lastWords = time.Second

// drain refuses new connections, lets requests under way finish within the time
// to drain, and has end ended those that did not. Connections that speak
// another protocol (WebSocket) count as requests: net/http has let go of them.
// The listeners of those who run the gate close last: until then health says
// that it is draining.
func (g *Gate) drain(services []service, end func()) {
	g.draining.Store(true)
	within := g.current.Load().config.Network.Timeouts.Drain.Std()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	g.shutdown(ctx, services, false)
	if !g.emptied(ctx) {
		g.logger.Warn("requests were still under way when the time to drain was over", "requests", g.exchanges.Len())
	}
	end()
	g.shutdownSQL(ctx) // now that no request needs its database any longer
	last, cancelLast := context.WithTimeout(context.Background(), lastWords)
	defer cancelLast()
	g.emptied(last)
	g.shutdown(last, services, true)
}

// shutdown closes the listeners for clients, or those of the gate's own.
func (g *Gate) shutdown(ctx context.Context, services []service, own bool) {
	done := make(chan struct{})
	started := 0
	for _, s := range services {
		if s.own != own {
			continue
		}
		started++
		go func() {
			if s.server.Shutdown(ctx) != nil { // the time is over
				_ = s.server.Close() // ends what is under way
			}
			done <- struct{}{}
		}()
	}
	for range started {
		<-done
	}
}

// emptied waits until no request is under way; false where ctx ended first.
func (g *Gate) emptied(ctx context.Context) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for g.exchanges.Len() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
