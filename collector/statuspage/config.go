package statuspage

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// maxIDs is the most phone ids of an account that are shown.
const maxIDs = 100

// configYAML returns accounts in the shape of the configuration file. Secrets
// that are not in files are hidden.
func configYAML(configs []watch.AccountConfig) (string, error) {
	var file struct {
		Accounts []accountYAML `yaml:"accounts"`
	}
	for i := range configs {
		file.Accounts = append(file.Accounts, newAccountYAML(&configs[i]))
	}
	var b strings.Builder
	d, err := yaml.NewDumper(&b, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
	if err != nil {
		return "", err
	}
	if err := d.Dump(file); err != nil {
		return "", err
	}
	return b.String(), d.Close()
}

type accountYAML struct {
	Name       string            `yaml:"name"`
	Labels     map[string]string `yaml:"labels,omitempty"`
	TokenFile  string            `yaml:"token_file,omitempty"`
	Token      string            `yaml:"token,omitempty"`
	AppID      string            `yaml:"app_id,omitempty"`
	APIKeyFile string            `yaml:"api_key_file,omitempty"`
	APIKey     string            `yaml:"api_key,omitempty"`
	Phones     struct {
		IDs      *yaml.Node    `yaml:"ids,omitempty"`
		IDsFile  string        `yaml:"ids_file,omitempty"`
		Discover *discoverYAML `yaml:"discover,omitempty"`
	} `yaml:"phones,omitempty"`
	Settings map[string]any `yaml:",inline"`
}

type discoverYAML struct {
	Groups     []string `yaml:"groups,flow,omitempty"`
	Tags       []string `yaml:"tags,flow,omitempty"`
	ChargeMode string   `yaml:"charge_mode,omitempty"`
}

func newAccountYAML(c *watch.AccountConfig) accountYAML {
	y := accountYAML{Name: c.Name, Labels: c.Labels, Settings: make(map[string]any)}
	for _, v := range c.Settings() {
		y.Settings[v.Field] = v.Value
		if d, ok := v.Value.(*time.Duration); ok {
			y.Settings[v.Field] = duration(*d)
		}
	}
	switch source := c.Credentials.(type) {
	case geelark.TokenFile:
		y.TokenFile = string(source)
	case geelark.APIKeyFile:
		y.AppID, y.APIKeyFile = source.AppID, source.File
	case geelark.Credentials:
		y.AppID = source.AppID
		if source.Token != "" {
			y.Token = source.Token.String()
		}
		if source.APIKey != "" {
			y.APIKey = source.APIKey.String()
		}
	}
	if len(c.IDs) > 0 || c.IDsFile != "" {
		y.Phones.IDs, y.Phones.IDsFile = idsYAML(c.IDs), c.IDsFile
		return y
	}
	if d := c.Discovery; len(d.Groups) > 0 || len(d.Tags) > 0 || d.ChargeMode != nil {
		y.Phones.Discover = &discoverYAML{Groups: d.Groups, Tags: d.Tags}
	}
	if c.Discovery.ChargeMode != nil {
		y.Phones.Discover.ChargeMode = c.Discovery.ChargeMode.String()
	}
	return y
}

func idsYAML(ids []string) *yaml.Node {
	if len(ids) == 0 {
		return nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, id := range ids[:min(len(ids), maxIDs)] {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: id, Style: yaml.DoubleQuotedStyle})
	}
	if more := len(ids) - maxIDs; more > 0 {
		list.Content[maxIDs-1].LineComment = fmt.Sprintf("and %s more", count(more))
	}
	return list
}

// duration is d as the configuration file takes it, if that can.
func duration(d time.Duration) string {
	if d%time.Millisecond != 0 {
		return d.String()
	}
	return model.Duration(d).String()
}
