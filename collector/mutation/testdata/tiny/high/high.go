// Package high uses package low.
package high

import "tiny/low"

// High is that of package low.
func High(n int) bool { return low.High(n) }
