package geelarktest

import (
	"embed"
	"strings"
)

//go:embed samples
var samples embed.FS

// Sample returns the answer that the vendor's document of an API shows, byte
// for byte, to be served as a [Fault]'s Body; nil if there is none here.
func Sample(endpoint string) []byte {
	text, err := samples.ReadFile("samples/" + strings.ReplaceAll(endpoint, "/", "_") + ".json")
	if err != nil {
		return nil
	}
	return text
}
