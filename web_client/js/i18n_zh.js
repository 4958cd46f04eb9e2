/** Every English sentence of the pages and scripts, in Chinese. No two may have the same Chinese. */
export const ZH = {
  // Both pages
  "Live": "实时", "Studio": "工作室", "Pages": "页面", "Tools": "工具", "View": "显示方式", "Wireframe": "线框",
  "Expression": "表情", "Your camera": "你的摄像头", "Retry now": "立即重试", "Cancel": "取消",
  "3D view. Drag or use the arrow keys to turn it, wheel or plus and minus to zoom, double click or 0 to reset.":
    "三维视图：拖动或用方向键旋转，滚轮或加减键缩放，双击或按 0 复位。",
  "The server is not answering.": "服务器没有响应。",
  "The server answered with error {status}.": "服务器返回错误 {status}。",
  "The server took too long to answer.": "服务器响应超时。",
  "The camera is blocked": "摄像头被禁止使用",
  "Your browser did not let this page use the camera. Allow it next to the address, then try again.":
    "浏览器不允许此页面使用摄像头。请在地址栏旁允许，然后重试。",
  "No camera found": "未找到摄像头",
  "The camera is in use": "摄像头正被占用",
  "Another program seems to hold the camera. Close it and try again.": "似乎有其他程序占用了摄像头。请关闭它后重试。",
  "The camera needs a safe address": "摄像头需要安全的地址",
  "This server wants its token": "此服务器需要令牌",
  "Open the page with the address that the server printed when it started; it ends in ?token=…":
    "请使用服务器启动时显示的地址打开页面；它以 ?token=… 结尾",
  "The camera did not start": "摄像头未能启动",
  "This page needs JavaScript.": "此页面需要 JavaScript。",

  // The studio: choosing a photo
  "Face3D Studio": "Face3D 工作室",
  "Photo and head": "照片与头像", "Your photo": "你的照片",
  "One photo, a finished head": "一张照片，一个完整的头部模型",
  "Mesh, texture and 52 expressions in seconds, ready for Blender, Unity, Unreal, Godot and the web.":
    "几秒内得到网格、纹理和 52 个表情，可直接用于 Blender、Unity、Unreal、Godot 和网页。",
  "Choose a photo": "选择照片", "Choose another photo": "选择另一张照片", "Use the camera": "用摄像头拍摄",
  "Take the photo": "拍照", "Drop the photo here": "把照片放到这里",
  "Or drop or paste one here: JPEG, PNG or WebP, a face from the front in even light. It goes to this server only, and is never written to disk.":
    "也可以拖放或粘贴：JPEG、PNG 或 WebP，正面人脸，光线均匀。照片只会发送到此服务器，绝不写入磁盘。",
  "Browsers give the camera only to pages at localhost or over https. Choose a photo instead, or open the page there.":
    "浏览器只允许 localhost 或 https 页面使用摄像头。请改为选择照片，或从那里打开页面。",
  "Plug in a camera and try again, or choose a photo.": "请接好摄像头再试，或选择一张照片。",
  "Looking for faces…": "正在寻找人脸…",
  "Waiting for your permission to use the camera…": "等待你允许使用摄像头…",
  "This photo has {size} MB. A smaller one is enough: details beyond 2048 pixels are not used. Going on…":
    "这张照片有 {size} MB。较小的照片就足够：超过 2048 像素的细节不会被使用。继续处理…",
  "This type of file is not supported": "不支持这种文件类型",
  "Give a JPEG, PNG or WebP photo. Phones can save HEIC pictures as JPEG when they share them.":
    "请提供 JPEG、PNG 或 WebP 照片。手机在分享 HEIC 图片时可以保存为 JPEG。",
  "The file is empty": "文件是空的", "Choose it again, or another one.": "请重新选择，或选择其他文件。",
  "The file is too large": "文件太大",
  "{size} MB are more than the {limit} MB that the server takes. Save the photo smaller; 2048 pixels are enough.":
    "{size} MB 超过了服务器允许的 {limit} MB。请把照片存小一些；2048 像素就足够。",
  "This does not work": "无法完成",

  // The studio: the order
  "Photo, files and expression": "照片、文件和表情",
  "The face that will be used": "将要使用的人脸", "This face": "使用这张人脸",
  "Found in your photo.": "已在照片中找到。",
  "{count} faces: choose one in the photo.": "共有 {count} 张人脸：请在照片中选择一张。",
  "Face {number}": "人脸 {number}",
  "Mesh": "网格", "Texture": "纹理", "Low": "低", "Medium": "中", "High": "高",
  "Make the head": "生成头部模型", "Making the head…": "正在生成…", "Make it again": "重新生成",
  "Progress": "进度", "Face": "人脸", "Geometry": "几何", "{seconds} s": "{seconds} 秒",
  "Sending the photo…": "正在发送照片…", "Waiting: {count} photos are ahead.": "排队中：前面还有 {count} 张照片。",
  "Loading the model…": "正在加载模型…",
  "The head was deleted: results are kept for ten minutes. Make it again.": "头部模型已删除：结果只保留十分钟。请重新生成。",
  "Deleted: the head is gone from the server.": "已删除：服务器上不再有这个头部模型。",

  // The studio: the result
  "The finished head": "完成的头部模型", "The texture, laid flat": "展开的纹理",
  "Textured": "纹理显示", "UV map": "UV 贴图", "Grid": "网格线",
  "New photo": "新照片", "Delete": "删除",
  "Start with another photo": "换一张照片重新开始", "Delete the head from the server now": "立即从服务器删除头部模型",
  "Files": "文件", "Single files": "单个文件", "Download all (zip)": "全部下载（zip）",
  "Kept in the server's memory for ten minutes after your last look, then deleted.":
    "最后一次查看后在服务器内存中保留十分钟，然后删除。",
  "As photo": "照片表情", "Neutral": "中性表情", "The expression of the photo": "恢复照片中的表情",
  "All sliders to zero": "所有滑块归零", "Left and right together": "左右联动",
  "The face, the files and 52 expression sliders appear here.": "人脸、文件和 52 个表情滑块会显示在这里。",
  "Head, texture and 52 morph targets": "头部、纹理和 52 个形变目标", "Mesh with UVs": "带 UV 的网格",
  "Material of mesh.obj": "mesh.obj 的材质", "Skin, transparent where unseen": "皮肤纹理，未见处透明",
  "Skin under the UV wires": "带 UV 线的皮肤纹理", "Normal map": "法线贴图", "All codes as numbers": "全部参数",
  "Picture of the head": "头部渲染图", "Shaded geometry": "着色几何图", "Timings and warnings": "耗时与警告",

  // Coefficients, on both pages
  "Eyes": "眼睛", "Brows": "眉毛", "Jaw": "下颌", "Mouth": "嘴", "Cheeks, nose, tongue": "脸颊、鼻子、舌头",
  "Blink": "眨眼", "Squint": "眯眼", "Wide": "睁大", "Look up": "向上看", "Look down": "向下看", "Look in": "向内看",
  "Look out": "向外看", "Inner up": "内侧上扬", "Outer up": "外侧上扬", "Down": "下压", "Open": "张开",
  "Forward": "前伸", "Sideways": "左右移动", "Smile": "微笑", "Frown": "嘴角下垂", "Dimple": "酒窝", "Stretch": "拉伸",
  "Press": "抿压", "Upper up": "上唇上提", "Lower down": "下唇下拉", "Close": "闭合", "Pucker": "嘟嘴",
  "Funnel": "圆唇", "Roll upper": "上唇内卷", "Roll lower": "下唇内卷", "Shrug upper": "上唇耸起",
  "Shrug lower": "下唇耸起", "Cheek puff": "鼓腮", "Cheek squint": "脸颊上提", "Nose sneer": "皱鼻",
  "Tongue out": "吐舌", "Left": "左", "Right": "右",
  "The subject's left": "本人的左侧", "The subject's right": "本人的右侧",

  // The live page
  "Face3D Live": "Face3D 实时", "Readings": "读数", "Frames per second": "每秒帧数", "Round-trip delay": "往返延迟",
  "Device": "设备", "Avatar": "虚拟形象", "Your avatar": "你的虚拟形象", "Over camera": "叠加画面",
  "A head that follows yours": "跟随你的三维头像",
  "Jaw, lips, lids, brows and gaze, read from your camera and rendered live in 3D.":
    "从摄像头读取下颌、嘴唇、眼睑、眉毛和视线，并实时渲染为三维画面。",
  "Start camera": "打开摄像头", "Play the sample": "播放示例", "Try again": "重试",
  "Your picture goes to this server only, and is never stored unless you take a snapshot.":
    "你的画面只会发送到此服务器；除非你拍快照，否则绝不保存。",
  "Mirror": "镜像", "Show both pictures as in a mirror": "像照镜子一样显示两个画面",
  "Calibrate": "校准", "neutral": "中性", "Take your resting face as the neutral one": "把你放松的脸作为中性表情",
  "Snapshot": "快照", "Download mesh, texture and codes of this moment": "下载此刻的网格、纹理和参数",
  "Open in studio": "在工作室中打开", "Stop": "停止", "Stop the camera": "关闭摄像头",
  "Your left": "你的左侧", "Your right": "你的右侧",
  "This page needs JavaScript: it talks to the server over WebRTC.": "此页面需要 JavaScript：它通过 WebRTC 与服务器通信。",
  "Connecting…": "正在连接…", "Connected. Waiting for the first picture…": "已连接，等待第一帧画面…",
  "Connection lost. Connecting again…": "连接中断，正在重新连接…", "Trying again in {seconds} s…": "{seconds} 秒后重试…",
  "The server has ended this session.": "服务器已结束此会话。",
  "The connection to the server was lost.": "与服务器的连接已断开。",
  "No pictures arrive from the server.": "收不到服务器的画面。",
  "The video connection could not be made.": "无法建立视频连接。", "Connected again.": "已重新连接。",
  "No face in the picture. Come closer, or turn on a light.": "画面中没有人脸。请靠近一些或打开灯。",
  "No face": "无人脸", "Relax your face and look at the camera": "请放松面部，看着摄像头",
  "This is now your neutral face.": "已设为你的中性表情。", "Not calibrated: {why}": "未校准：{why}",
  "Taking a snapshot…": "正在生成快照…", "Saved as {file}.": "已保存为 {file}。", "No snapshot: {why}": "快照失败：{why}",
  "Plug in a camera and try again, or watch the sample: a rendered face takes the place of yours.":
    "请接好摄像头再试，或观看示例：用渲染的人脸代替你的脸。",
  "Browsers give the camera only to pages at localhost or over https. Open the page there, or watch the sample.":
    "浏览器只允许 localhost 或 https 页面使用摄像头。请从那里打开页面，或观看示例。",
  "The sample does not play": "示例无法播放",
  "This browser cannot play or capture the sample clip. A current Chrome, Edge, Firefox or Safari can.":
    "此浏览器无法播放或捕获示例片段。请使用最新的 Chrome、Edge、Firefox 或 Safari。",
  "This browser has no WebRTC": "此浏览器不支持 WebRTC",
  "A current Chrome, Edge, Firefox or Safari can show the avatar.": "最新的 Chrome、Edge、Firefox 或 Safari 可以显示虚拟形象。",
  "The camera was unplugged or taken away.": "摄像头已拔出或被占用。",
};

/** What the server says, by its codes; the ones about photos come from the server itself (`advice.js`). */
export const ZH_ERRORS = {
  "too-many-jobs": "排队的照片太多：请稍后再试",
  "too-many-uploads": "同时上传的照片太多：请稍后再试",
  "slow-upload": "照片没有及时传到：请重试",
  "bad-form": "上传的表单无法读取：请重新选择照片",
  "no-photo": "没有收到照片：请重新选择",
  "empty": "照片是空的：请重新选择",
  "wrong-type": "发送的类型不正确：请重新选择照片",
  "too-large": "照片太大：请把它存小一些",
  "bad-option": "所选的选项不可用：请重新选择",
  "not-found": "结果已不存在：请重新生成",
  "worker-died": "处理这张照片的进程崩溃了：请换一张照片再试",
  "too-slow": "处理时间过长：请选择较低的网格和纹理",
  "task-failed": "处理出错：请查看服务器日志",
  "stopping": "服务器正在关闭：请稍后再试",
  "egl-missing": "服务器缺少 OpenGL：请安装 libegl1",
  "no-face-yet": "还没有看到人脸：请看着摄像头再试",
  "too-many-sessions": "同时使用的人太多：请稍后再试",
  "token": "此服务器需要令牌：请用它启动时显示的地址打开页面",
};
