// Package manifests holds the examples for Compose and Kubernetes to the programs that read them: Compose's own loader with its schema, and
// kustomize with the API's types. It is a module of its own, for what those bring with them.
package manifests

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
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
	for _, secret := range []string{"bot-token", "sender-token"} {
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

// documents decodes what kustomize makes, each kind into its type, with no field that the type does not know.
func documents(t *testing.T) (set apps.StatefulSet, service core.Service, secret core.Secret, config core.ConfigMap, namespace core.Namespace) {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), beside(t, "kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]any{"StatefulSet": &set, "Service": &service, "Secret": &secret, "ConfigMap": &config, "Namespace": &namespace}
	for _, document := range made.Resources() {
		text, err := document.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		into, known := kinds[document.GetKind()]
		if !known {
			t.Fatalf("what is a %s?", document.GetKind())
		}
		delete(kinds, document.GetKind())
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Errorf("%s: %v", document.GetKind(), err)
		}
	}
	if len(kinds) > 0 {
		t.Errorf("there is no %v", kinds)
	}
	return set, service, secret, config, namespace
}

func TestKubernetes(t *testing.T) {
	set, service, secret, config, namespace := documents(t)
	pod := set.Spec.Template.Spec
	container := pod.Containers[0]
	if *set.Spec.Replicas != 1 || !strings.Contains(container.Image, ":") || set.Namespace != namespace.Name {
		t.Errorf("%d replicas of %s in %s", *set.Spec.Replicas, container.Image, set.Namespace)
	}
	for key, value := range service.Spec.Selector {
		if set.Spec.Template.Labels[key] != value || set.Spec.Selector.MatchLabels[key] != value {
			t.Errorf("the service looks for %s=%s", key, value)
		}
	}
	if port := service.Spec.Ports[0].TargetPort.String(); port != container.Ports[0].Name || !strings.Contains(config.Data["relay.toml"], ":9786") {
		t.Errorf("the service goes to port %s", port)
	}
	mounted := map[string]string{}
	for _, mount := range container.VolumeMounts {
		mounted[mount.Name] = mount.MountPath
	}
	for _, volume := range pod.Volumes {
		switch {
		case volume.Secret != nil && (volume.Secret.SecretName != secret.Name || mounted[volume.Name] != "/run/secrets" || len(secret.Data) != 2):
			t.Errorf("the secrets are not where they are looked for: %+v", volume)
		case volume.ConfigMap != nil && (volume.ConfigMap.Name != config.Name || mounted[volume.Name] != "/etc/tgrelay"):
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
