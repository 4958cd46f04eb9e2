// Drives a SkinnedMeshRenderer's ARKit-named blend shapes. Unity 2021 or newer; uses the package
// com.unity.nuget.newtonsoft-json. Put it on the object that carries the renderer.
using System; using System.IO; using System.Net.WebSockets; using System.Text; using System.Threading;
using Newtonsoft.Json.Linq; using UnityEngine;

public class FaceExpressions : MonoBehaviour {
    public string url = "ws://127.0.0.1:8080/api/expressions";
    async void Start() {
        var face = GetComponent<SkinnedMeshRenderer>();
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(url), destroyCancellationToken);
        var buffer = new byte[16384];
        while (socket.State == WebSocketState.Open) {
            var got = await socket.ReceiveAsync(buffer, destroyCancellationToken);   // one message is about 2 kB
            if (JObject.Parse(Encoding.UTF8.GetString(buffer, 0, got.Count))["expression"] is not JObject values) continue;
            foreach (var (name, value) in values) {
                int i = face.sharedMesh.GetBlendShapeIndex(name);                    // matched by name, never by index
                if (i >= 0) face.SetBlendShapeWeight(i, 100f * (float)value);
            }
        }
    }
}
