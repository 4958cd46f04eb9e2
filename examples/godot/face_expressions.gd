# Drives a MeshInstance3D's ARKit-named blend shapes. Godot 4; put it on the MeshInstance3D.
extends MeshInstance3D

@export var url := "ws://127.0.0.1:8080/api/expressions"
var socket := WebSocketPeer.new()

func _ready():
	socket.connect_to_url(url)

func _process(_delta):
	socket.poll()
	while socket.get_available_packet_count():
		var message = JSON.parse_string(socket.get_packet().get_string_from_utf8())
		for name in message.get("expression", {}):
			var i := find_blend_shape_by_name(name)
			if i >= 0:
				set_blend_shape_value(i, message["expression"][name])
