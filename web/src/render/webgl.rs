//! WebGL2: all boxes in one instanced draw call, colours and patterns in the fragment shader.

use super::{Renderer, Viewport};
use crate::palette::Palette;
use crate::scene::{Quad, Scene};
use wasm_bindgen::JsCast;
use web_sys::{
    HtmlCanvasElement, WebGl2RenderingContext as Gl, WebGlProgram, WebGlShader, WebGlUniformLocation,
};

const VERTEX: &str = include_str!("quad.vert");
const FRAGMENT: &str = include_str!("quad.frag");

/// Floats an instance: rectangle 4, fills and mix 3, alpha, radius, inferred.
const STRIDE: usize = 10;

/// Draws by WebGL2.
pub struct WebGl {
    canvas: HtmlCanvasElement,
    gl: Gl,
    size: Option<WebGlUniformLocation>,
    ratio: Option<WebGlUniformLocation>,
    palette: Option<WebGlUniformLocation>,
    instances: Vec<f32>,
}

impl WebGl {
    /// On `canvas`, or why not.
    pub fn new(canvas: HtmlCanvasElement) -> Result<Self, String> {
        let context =
            canvas.get_context("webgl2").map_err(|_| "WebGL2 is refused")?.ok_or("there is no WebGL2")?;
        let gl: Gl = context.dyn_into().map_err(|_| "there is no WebGL2")?;
        let program = link(&gl)?;
        gl.use_program(Some(&program));
        let buffer = gl.create_buffer().ok_or("no buffer")?;
        let layout = gl.create_vertex_array().ok_or("no vertex array")?;
        gl.bind_vertex_array(Some(&layout));
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&buffer));
        let bytes = |floats: i32| floats * 4;
        for (location, count, offset) in [(0, 4, 0), (1, 3, 4), (2, 3, 7)] {
            gl.enable_vertex_attrib_array(location);
            gl.vertex_attrib_pointer_with_i32(location, count, Gl::FLOAT, false, bytes(10), bytes(offset));
            gl.vertex_attrib_divisor(location, 1);
        }
        gl.enable(Gl::BLEND);
        gl.blend_func(Gl::ONE, Gl::ONE_MINUS_SRC_ALPHA);
        let uniform = |name| gl.get_uniform_location(&program, name);
        let (size, ratio, palette) = (uniform("u_size"), uniform("u_ratio"), uniform("u_palette"));
        Ok(Self { canvas, gl, size, ratio, palette, instances: Vec::new() })
    }
}

impl Renderer for WebGl {
    fn name(&self) -> &'static str {
        "webgl2"
    }

    fn draw(&mut self, scene: &Scene, palette: &Palette, viewport: Viewport) {
        self.instances.clear();
        for Quad { rect, from, to, mix, alpha, radius, inferred } in &scene.quads {
            let inferred = f32::from(u8::from(*inferred));
            let floats: [f32; STRIDE] =
                [rect.x, rect.y, rect.w, rect.h, from.index(), to.index(), *mix, *alpha, *radius, inferred];
            self.instances.extend_from_slice(&floats);
        }
        let gl = &self.gl;
        let pixels = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        gl.viewport(0, 0, pixels(self.canvas.width()), pixels(self.canvas.height()));
        gl.clear_color(0.0, 0.0, 0.0, 0.0);
        gl.clear(Gl::COLOR_BUFFER_BIT);
        gl.uniform2f(self.size.as_ref(), viewport.width, viewport.height);
        gl.uniform1f(self.ratio.as_ref(), viewport.ratio);
        gl.uniform4fv_with_f32_array(self.palette.as_ref(), palette.as_flattened());
        let data = js_sys::Float32Array::from(self.instances.as_slice());
        gl.buffer_data_with_array_buffer_view(Gl::ARRAY_BUFFER, &data, Gl::DYNAMIC_DRAW);
        let count = i32::try_from(scene.quads.len()).unwrap_or(i32::MAX);
        gl.draw_arrays_instanced(Gl::TRIANGLE_STRIP, 0, 4, count);
    }
}

fn link(gl: &Gl) -> Result<WebGlProgram, String> {
    let program = gl.create_program().ok_or("no program")?;
    gl.attach_shader(&program, &compile(gl, Gl::VERTEX_SHADER, VERTEX)?);
    gl.attach_shader(&program, &compile(gl, Gl::FRAGMENT_SHADER, FRAGMENT)?);
    gl.link_program(&program);
    if gl.get_program_parameter(&program, Gl::LINK_STATUS).is_truthy() {
        Ok(program)
    } else {
        Err(gl.get_program_info_log(&program).unwrap_or_default())
    }
}

fn compile(gl: &Gl, kind: u32, source: &str) -> Result<WebGlShader, String> {
    let shader = gl.create_shader(kind).ok_or("no shader")?;
    gl.shader_source(&shader, source);
    gl.compile_shader(&shader);
    if gl.get_shader_parameter(&shader, Gl::COMPILE_STATUS).is_truthy() {
        Ok(shader)
    } else {
        Err(gl.get_shader_info_log(&shader).unwrap_or_default())
    }
}
