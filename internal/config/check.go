package config

// check reports what each value alone can't show.
func (r *reader) check(c *Config) {
	r.checkUpstream(c)
}
