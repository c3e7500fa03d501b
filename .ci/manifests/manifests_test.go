// Package manifests holds the examples for Compose and Kubernetes to the programs that read them: Compose's own loader with its schema, and
// kustomize with the API's types. It is a module of its own, for what those bring with them.
package manifests

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// beside copies an example and puts the secrets there that its user makes.
func beside(t *testing.T, dir string) string {
	t.Helper()
	there := t.TempDir()
	if err := os.CopyFS(there, os.DirFS(filepath.Join("../../packaging", dir))); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"bot-token", "sender-token", "pgpass"} {
		if err := os.WriteFile(filepath.Join(there, secret), []byte("1:AA-"+secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return there
}

// image is what the container image says of itself.
func image(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCompose(t *testing.T) {
	dir := beside(t, "compose")
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")}, cli.WithName("tgrelay"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service, err := project.GetService("tgrelay")
	if err != nil {
		t.Fatal(err)
	}
	if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || service.Ports[0].HostIP != "127.0.0.1" || service.Ports[0].Target != 9786 {
		t.Errorf("it is not locked down: %+v", service)
	}
	if service.Volumes[0].Target != "/var/lib/tgrelay" || !strings.Contains(image(t), "VOLUME /var/lib/tgrelay\n") {
		t.Errorf("the storage is elsewhere: %+v", service.Volumes)
	}
	for _, secret := range service.Secrets {
		if file := project.Secrets[secret.Source].File; file != filepath.Join(dir, secret.Source) || !strings.Contains(image(t), "/run/secrets") {
			t.Errorf("the secret %s is at %s", secret.Source, file)
		}
	}
}

// documents are what kustomize makes of an example, each kind in its type.
type documents struct {
	set       apps.StatefulSet
	many      apps.Deployment
	budget    policy.PodDisruptionBudget
	service   core.Service
	secret    core.Secret
	config    core.ConfigMap
	namespace core.Namespace
}

// decode has kustomize make an example's documents, one of each kind, with no field that its type does not know.
func decode(t *testing.T, dir string, kinds ...string) (d documents) {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), beside(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]any{
		"StatefulSet": &d.set, "Deployment": &d.many, "PodDisruptionBudget": &d.budget, "Service": &d.service,
		"Secret": &d.secret, "ConfigMap": &d.config, "Namespace": &d.namespace,
	}
	var found []string
	for _, document := range made.Resources() {
		text, err := document.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, document.GetKind())
		into, known := types[document.GetKind()]
		if !known {
			t.Fatalf("what is a %s?", document.GetKind())
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Errorf("%s: %v", document.GetKind(), err)
		}
	}
	kinds = append(kinds, "Service", "Secret", "ConfigMap", "Namespace")
	slices.Sort(kinds)
	if slices.Sort(found); !slices.Equal(found, kinds) {
		t.Fatalf("there are %v, not %v", found, kinds)
	}
	return d
}

func TestKubernetes(t *testing.T) {
	d := decode(t, "kubernetes", "StatefulSet")
	if *d.set.Spec.Replicas != 1 || d.set.Namespace != d.namespace.Name {
		t.Errorf("%d replicas in %s", *d.set.Spec.Replicas, d.set.Namespace)
	}
	d.check(t, d.set.Spec.Template, d.set.Spec.Selector, 2)
}

// Several pods share a database; nodes are emptied and versions changed one pod at a time.
func TestKubernetesReplicas(t *testing.T) {
	d := decode(t, "kubernetes-replicas", "Deployment", "PodDisruptionBudget")
	update := d.many.Spec.Strategy.RollingUpdate
	if *d.many.Spec.Replicas < 2 || update.MaxUnavailable.IntValue() != 0 || d.budget.Spec.MaxUnavailable.IntValue() != 1 || d.many.Namespace != d.namespace.Name {
		t.Errorf("%d replicas in %s, of which %s may be away, or %s", *d.many.Spec.Replicas, d.many.Namespace, update.MaxUnavailable, d.budget.Spec.MaxUnavailable)
	}
	if !maps.Equal(d.budget.Spec.Selector.MatchLabels, d.many.Spec.Selector.MatchLabels) {
		t.Errorf("the budget is of %v", d.budget.Spec.Selector)
	}
	d.check(t, d.many.Spec.Template, d.many.Spec.Selector, 3)
	if url := d.config.Data["relay.toml"]; !strings.Contains(url, "passfile=/run/secrets/pgpass") {
		t.Errorf("the database's password is looked for elsewhere: %s", url)
	}
	pod := d.many.Spec.Template.Spec
	stop := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
	if left := time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second - stop; left < 20*time.Second {
		t.Errorf("it has %s to end", left)
	}
}

// check holds that a pod finds what it needs, and is found.
func (d *documents) check(t *testing.T, template core.PodTemplateSpec, selector *meta.LabelSelector, secrets int) {
	t.Helper()
	pod := template.Spec
	container := pod.Containers[0]
	if !strings.Contains(container.Image, ":") {
		t.Errorf("the image is %s", container.Image)
	}
	for key, value := range d.service.Spec.Selector {
		if template.Labels[key] != value || selector.MatchLabels[key] != value {
			t.Errorf("the service looks for %s=%s", key, value)
		}
	}
	if port := d.service.Spec.Ports[0].TargetPort.String(); port != container.Ports[0].Name || !strings.Contains(d.config.Data["relay.toml"], ":9786") {
		t.Errorf("the service goes to port %s", port)
	}
	mounted := map[string]string{}
	for _, mount := range container.VolumeMounts {
		mounted[mount.Name] = mount.MountPath
	}
	for _, volume := range pod.Volumes {
		switch {
		case volume.Secret != nil && (volume.Secret.SecretName != d.secret.Name || mounted[volume.Name] != "/run/secrets" || len(d.secret.Data) != secrets):
			t.Errorf("the secrets are not where they are looked for: %+v", volume)
		case volume.ConfigMap != nil && (volume.ConfigMap.Name != d.config.Name || mounted[volume.Name] != "/etc/tgrelay"):
			t.Errorf("relay.toml is not where it is looked for: %+v", volume)
		}
	}
	restricted(t, pod)
}

// restricted holds a pod to the Pod Security Standard of that name, which its namespace enforces.
func restricted(t *testing.T, pod core.PodSpec) {
	t.Helper()
	security := pod.Containers[0].SecurityContext
	if !*pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
		*security.AllowPrivilegeEscalation || !*security.ReadOnlyRootFilesystem || security.Capabilities.Drop[0] != "ALL" {
		t.Errorf("the pod is not restricted: %+v %+v", pod.SecurityContext, security)
	}
}

// A configuration to begin with is the image's.
func TestConfigurationToBeginWith(t *testing.T) {
	of, err := os.ReadFile("../../packaging/container/relay.toml")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile("../../packaging/kubernetes/relay.toml")
	if err != nil || !bytes.Equal(of, copied) {
		t.Errorf("packaging/kubernetes/relay.toml is another than the image's: %v", err)
	}
}
