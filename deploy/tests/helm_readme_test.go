package deploy

import (
	"path/filepath"
	"regexp"
	"testing"

	"geelark_exporter/deploy/processtest"
)

func TestTheREADMEIsMadeOfTheValues(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs(chart)
	if err != nil {
		t.Fatal(err)
	}
	made := "README.md"
	if !*update {
		made, err = filepath.Rel(dir, filepath.Join(t.TempDir(), "README.md"))
		if err != nil {
			t.Fatal(err)
		}
	}
	must(t, processtest.Tool(t, "HELM_DOCS"), "--chart-search-root="+dir, "--sort-values-order=file", "--output-file="+made)
	readme := string(read(t, filepath.Join(dir, made)))
	golden(t, chart+"/README.md", readme)
	for _, row := range regexp.MustCompile(`(?m)^\| .* \|  \|$`).FindAllString(readme, -1) {
		t.Errorf("values.yaml says nothing of %s", row)
	}
}
