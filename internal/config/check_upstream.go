package config

import "net/url"

// upstreamOption puts what a flag said in place of the key.
func (r *reader) upstreamOption(c *Config) {
	if r.options.Upstream == "" {
		return
	}
	u, err := url.Parse(r.options.Upstream)
	if err != nil || u.Host == "" {
		r.errs = append(r.errs, &Error{Key: "--upstream", Words: "is not a URL", Hint: "write one such as http://127.0.0.1:3000"})
		return
	}
	delete(r.marks, "upstream")
	c.Upstream = u
}

func (r *reader) checkUpstream(c *Config) {
	if c.Upstream == nil && !r.given("upstream") {
		r.fail("upstream", "is missing", "name the backend, such as upstream: http://127.0.0.1:3000")
	}
}
