package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"geelark_exporter/collector/config"
)

// remember notes which flags stand on the command line.
func (f *flags) remember(line *kingpin.ParseContext) error {
	f.typed = make(map[string]bool)
	for _, e := range line.Elements {
		if c, ok := e.Clause.(*kingpin.FlagClause); ok {
			f.typed[c.Model().Name] = true
		}
	}
	return nil
}

// given reports whether the user has set a flag, on the command line or by its
// variable.
func (f *flags) given(flag string) bool { return f.typed[flag] || f.variable(flag) != "" }

// variable returns the environment variable by which a flag was set, "" when it was
// not set or stands on the command line.
func (f *flags) variable(flag string) string {
	c := f.app.GetFlag(flag)
	if c == nil || f.typed[flag] {
		return ""
	}
	if name := c.Model().Envar; os.Getenv(name) != "" {
		return name
	}
	return ""
}

// spell is how the user sets a flag.
func (f *flags) spell(flag string) string {
	if name := f.variable(flag); name != "" {
		return "$" + name
	}
	return "--" + flag
}

var leadingFlag = regexp.MustCompile(`^--([a-z][a-z.-]*[a-z])`)

// spelled is an error that begins with a flag, which is named as the user has set it.
func (f *flags) spelled(err error) error {
	text := err.Error()
	if m := leadingFlag.FindStringSubmatch(text); m != nil {
		return errors.New(f.spell(m[1]) + strings.TrimPrefix(text, m[0]))
	}
	return err
}

// parse is kingpin's, with the flag's name in errors about its value.
func parse(app *kingpin.Application, args []string) error {
	_, failed := app.Parse(args)
	if failed == nil {
		return nil
	}
	if typed, unknown := strings.CutPrefix(failed.Error(), "unknown long flag '--"); unknown {
		return suggesting(failed, strings.TrimSuffix(typed, "'"), app)
	}
	for _, arg := range args {
		name, value, valued := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if f := app.GetFlag(strings.TrimPrefix(name, "no-")); valued && f != nil && f.Model().IsBoolFlag() && failed.Error() == "unexpected "+value {
			return fmt.Errorf("--%s takes no value: write --%s or --no-%[2]s", name, f.Model().Name)
		}
	}
	if strings.HasPrefix(failed.Error(), "unexpected ") { // and it may be a token
		return errors.New("an argument that belongs to no flag: flags look like --flag=value, and a token is given in a file or in $GEELARK_TOKEN")
	}
	if line, err := app.ParseContext(args); err == nil {
		for _, e := range line.Elements {
			if c, ok := e.Clause.(*kingpin.FlagClause); ok && e.Value != nil && c.Model().Value.Set(*e.Value) != nil {
				return misfit("--"+c.Model().Name, *e.Value, failed)
			}
		}
		for _, f := range app.Model().Flags {
			if v := os.Getenv(f.Envar); v != "" && f.Value.Set(v) != nil {
				return misfit("$"+f.Envar, v, failed)
			}
		}
	}
	return failed
}

// misfit says what a setting takes whose value is another.
func misfit(setting, value string, failed error) error {
	number, _ := errors.AsType[*strconv.NumError](failed)
	switch {
	case number != nil && number.Func == "ParseBool":
		return fmt.Errorf("%s must be true or false, is %q", setting, value)
	case number != nil:
		return fmt.Errorf("%s must be a number, is %q", setting, value)
	case strings.Contains(failed.Error(), "duration"):
		return fmt.Errorf("%s must be a duration such as 30s, 5m or 1h30m, is %q", setting, value)
	}
	return fmt.Errorf("%s: %w", setting, failed)
}

// suggesting adds the flag that was meant to an error about an unknown one.
func suggesting(failed error, typed string, app *kingpin.Application) error {
	var names []string
	for _, f := range app.Model().Flags {
		if names = append(names, f.Name); f.IsBoolFlag() {
			names = append(names, "no-"+f.Name)
		}
	}
	if meant := config.Nearest(typed, names); meant != "" {
		return fmt.Errorf("%w: did you mean --%s?", failed, meant)
	}
	return failed
}

// serviceLink matches what Kubernetes adds to the environment for each Service, of
// which one may be called geelark-exporter.
var serviceLink = regexp.MustCompile(`(_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknownVariables are warnings of variables that look as if they set a flag and
// set none. Their values may be secret.
func unknownVariables(app *kingpin.Application, environ []string) (warnings []string) {
	const own, vendor = "GEELARK_EXPORTER_", "GEELARK_"
	short := func(name string) string { return strings.TrimPrefix(strings.TrimPrefix(name, own), vendor) }
	known := []string{"GEELARK_TOKEN", "GEELARK_API_KEY"}
	for _, f := range app.Model().Flags {
		if f.Envar != "" {
			known = append(known, f.Envar)
		}
	}
	named := make(map[string]string) // by the short names
	for _, name := range known {
		named[short(name)] = name
	}
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, own) || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		warning := "$" + name + " sets nothing"
		var names []string
		for short := range named {
			names = append(names, short)
		}
		slices.Sort(names)
		if meant := named[config.Nearest(short(name), names)]; meant != "" {
			warning += ": did you mean $" + meant + "?"
		}
		warnings = append(warnings, warning)
	}
	slices.Sort(warnings)
	return warnings
}
