// Releasecheck says what is missing for a release of what is checked out: of the
// version that stands first in the changelog or, given its tag, of that one. It
// ends with exit code 1 when anything is.
package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	tag := ""
	if len(os.Args) > 1 {
		tag = os.Args[1]
	}
	c := check{dir: "."}
	version := c.release(tag)
	for _, todo := range c.owner() {
		fmt.Println("for the owner:", todo)
	}
	if len(c.missing) > 0 {
		fmt.Printf("%s cannot be released:\n- %s\n", cmp.Or(version, "this"), strings.Join(c.missing, "\n- "))
		os.Exit(1)
	}
	if tag != "" {
		fmt.Printf("%s can be released: its tag is on this commit\n", version)
		return
	}
	fmt.Printf("%s can be released: git tag -s v%[1]s && git push origin v%[1]s\n", version)
}

// A check is of the repository in a directory.
type check struct {
	dir     string
	missing []string
}

func (c *check) miss(format string, args ...any) {
	c.missing = append(c.missing, fmt.Sprintf(format, args...))
}

func (c *check) release(tag string) (version string) {
	version = c.changelog()
	c.chart(version)
	c.image()
	if c.git("rev-parse", "HEAD") == "" {
		c.miss("git knows no commit here: a release is the tag of one, check a clone")
	}
	if changed := c.git("status", "--porcelain"); changed != "" {
		c.miss("the work tree is not clean:\n  %s", strings.ReplaceAll(changed, "\n", "\n  "))
	}
	c.tag(tag, version)
	c.links()
	return version
}

func (c *check) read(name string) string {
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.miss("%v", err)
	}
	return string(b)
}

// git returns what git writes, or nothing if it fails.
func (c *check) git(args ...string) string {
	cmd := exec.Command("git", args...)
	cmd.Dir = c.dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(out), "\n")
}

var (
	heading = regexp.MustCompile(`(?m)^## .*$`)
	section = regexp.MustCompile(`^## ([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.]+)?) / (\S+)$`)
	entry   = regexp.MustCompile(`^\* \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX|SECURITY)\] \S`)
)

// changelog returns the version that stands first in it.
func (c *check) changelog() string {
	text := c.read("CHANGELOG.md")
	first := heading.FindStringIndex(text)
	if first == nil {
		c.miss(`CHANGELOG.md has no section "## 1.2.3 / 2026-01-31"`)
		return ""
	}
	newest, _, _ := strings.Cut(text[first[1]:], "\n## ")
	entries := 0
	for line := range strings.Lines(newest) {
		if entry.MatchString(line) {
			entries++
		} else if strings.HasPrefix(line, "* ") {
			c.miss("an entry of CHANGELOG.md is not [CHANGE], [FEATURE], [ENHANCEMENT], [BUGFIX] or [SECURITY]: %s", strings.TrimSpace(line))
		}
	}
	if entries == 0 {
		c.miss("the first section of CHANGELOG.md has no entry")
	}
	title := text[first[0]:first[1]]
	m := section.FindStringSubmatch(title)
	if m == nil {
		c.miss(`the first section of CHANGELOG.md is %q, not of the form "## 1.2.3 / 2026-01-31"`, title)
		return ""
	}
	version, date := m[1], m[2]
	if date == "unreleased" {
		c.miss(`CHANGELOG.md calls %s unreleased: give its section a date, "## %[1]s / 2026-01-31"`, version)
	} else if _, err := time.Parse(time.DateOnly, date); err != nil {
		c.miss(`CHANGELOG.md gives %s the date %q, which is no day of the form 2026-01-31`, version, date)
	}
	if strings.Contains(text[first[1]:], "\n## "+version+" ") {
		c.miss("CHANGELOG.md has two sections of %s", version)
	}
	return version
}

const chartDirectory = "deploy/helm/geelark-exporter"

var (
	chartVersion = regexp.MustCompile(`(?m)^version: "?([^"\s]+)`)
	appVersion   = regexp.MustCompile(`(?m)^appVersion: "?([^"\s]+)`)
)

func submatch(re *regexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// chart looks at the versions of the chart: that of the program, and its own,
// which must be another for another chart.
func (c *check) chart(version string) {
	file := chartDirectory + "/Chart.yaml"
	text := c.read(file)
	if got := submatch(appVersion, text); version != "" && got != version {
		c.miss("%s has appVersion %q, the changelog %q", file, got, version)
	}
	own := submatch(chartVersion, text)
	if own == "" {
		c.miss("%s has no version", file)
	}
	last := c.git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^")
	if last == "" {
		return
	}
	released := submatch(chartVersion, c.git("show", last+":"+file))
	if released == own && c.git("diff", "--name-only", last, "--", chartDirectory) != "" {
		c.miss("the chart has changed since %s and its version %s has not", last, own)
	}
}

var (
	toolchain = regexp.MustCompile(`(?m)^toolchain go(\S+)$`)
	goImage   = regexp.MustCompile(`(?m)^FROM .*\bgolang:([0-9.]+)`)
)

// image looks at the versions of Go that binaries and images are built with.
func (c *check) image() {
	binaries, images := submatch(toolchain, c.read("go.mod")), submatch(goImage, c.read("Dockerfile"))
	if binaries != images {
		c.miss("go.mod has the toolchain %q, the Dockerfile an image of Go %q", binaries, images)
	}
}

func (c *check) tag(tag, version string) {
	if version == "" {
		return
	}
	want := "v" + version
	switch at := c.git("rev-parse", "-q", "--verify", "refs/tags/"+want+"^{commit}"); {
	case tag != "" && tag != want:
		c.miss("the tag is %s, the changelog's version needs %s", tag, want)
	case tag != "" && at != c.git("rev-parse", "HEAD"):
		c.miss("the tag %s is not on the commit that is checked out", tag)
	case tag == "" && at != "":
		c.miss("the tag %s exists: begin a new section in CHANGELOG.md", want)
	}
}

var (
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```")
	code  = regexp.MustCompile("`[^`\n]*`")
	title = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

// links looks for what the documents point to within the repository.
func (c *check) links() {
	for name := range strings.SplitSeq(c.git("ls-files", "*.md"), "\n") {
		if name == "" {
			continue
		}
		text := fence.ReplaceAllString(c.read(name), "")
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], ":") { // of another site
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(filepath.Join(c.dir, target)); err != nil {
				c.miss("%s links to %s, which is not there", name, m[1])
			} else if anchor != "" && strings.HasSuffix(target, ".md") && !slices.Contains(anchors(c.read(target)), anchor) {
				c.miss("%s links to %s, where no heading has that name", name, m[1])
			}
		}
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors are the names that a page's headings get.
func anchors(text string) []string {
	var all []string
	for _, m := range title.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		a := strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		name := a
		for n := 1; slices.Contains(all, name); n++ {
			name = fmt.Sprintf("%s-%d", a, n)
		}
		all = append(all, name)
	}
	return all
}

var open = regexp.MustCompile(`(?m)^- \[ \] (.*)$`)

// owner returns what only the owner of the repository can fill in, and has not.
// Nothing breaks without it.
func (c *check) owner() []string {
	var all []string
	for _, m := range open.FindAllStringSubmatch(c.read("CONTRIBUTING.md"), -1) {
		all = append(all, m[1])
	}
	return all
}
