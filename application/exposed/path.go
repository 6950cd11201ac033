package exposed

import "github.com/gatehousehq/gatehouse/input"

// ordinary reports quickly that a path can be in none of the tables' forms:
// most are.
func ordinary(path string) bool {
	return len(path) <= 1
}

// readings are what backends may make of a path ([input.Readings]), in segments.
// whole is false where a path has too many to be read.
func readings(path string) (all [][]string, whole bool) {
	whole = input.Readings(path, func(r input.Reading) bool {
		all = append(all, r.Segments())
		return true
	})
	return all, whole
}
